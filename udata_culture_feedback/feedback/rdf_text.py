"""Write RDF as Turtle and as JSON-LD, for graphs of our own: thousands of triples over few IRIs.
The order is that of the text, whatever that of the triples."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rdflib import Literal, URIRef
from rdflib.namespace import RDF, XSD

from .rdf_schemes import Triple

#: What may follow a prefix in every syntax, unescaped.
LOCAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: Subject → predicate → objects.
Grouped = dict[Any, dict[Any, set[Any]]]


def turtle(prefixes: Mapping[str, Any], triples: Iterable[Triple]) -> str:
    """Write a graph as Turtle (https://www.w3.org/TR/turtle/)."""
    short = _shortener(prefixes, "<{}>".format)

    def write(node: Any) -> str:
        return node.n3() if isinstance(node, Literal) else short(node)

    text = _cached(write)
    blocks = []
    for subject, said in _grouped(triples).items():
        lines = [
            f"{'a' if predicate == RDF.type else text(predicate)} "
            + ", ".join(sorted(map(text, objects)))
            for predicate, objects in said.items()
        ]
        blocks.append(f"{text(subject)} " + " ;\n    ".join(sorted(lines)) + " .\n")
    head = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in sorted(prefixes.items()))
    return head + "\n" + "\n".join(sorted(blocks))


def json_ld(prefixes: Mapping[str, Any], triples: Iterable[Triple]) -> str:
    """Write a graph as JSON-LD, compacted with its prefixes (https://www.w3.org/TR/json-ld11/)."""
    short = _cached(_shortener(prefixes, str))

    def value(node: Any) -> dict[str, str]:
        if not isinstance(node, Literal):
            return {"@id": short(node)}
        if node.language:
            return {"@language": node.language, "@value": str(node)}
        if node.datatype in (None, XSD.string):
            return {"@value": str(node)}
        return {"@type": short(node.datatype), "@value": str(node)}

    def about(subject: Any, said: dict[Any, set[Any]]) -> dict[str, Any]:
        shown: dict[str, Any] = {"@id": short(subject)}
        for predicate, objects in said.items():
            if predicate == RDF.type:
                shown["@type"] = sorted(map(short, objects))
            else:
                shown[short(predicate)] = sorted(map(value, objects), key=repr)
        return dict(sorted(shown.items()))

    graph = [about(subject, said) for subject, said in _grouped(triples).items()]
    context = {name: str(iri) for name, iri in sorted(prefixes.items())}
    document = {"@context": context, "@graph": sorted(graph, key=lambda one: str(one["@id"]))}
    return json.dumps(document, ensure_ascii=False, indent=1)


def _grouped(triples: Iterable[Triple]) -> Grouped:
    found: Grouped = defaultdict(lambda: defaultdict(set))
    for subject, predicate, object in triples:
        found[subject][predicate].add(object)
    return found


def _shortener(prefixes: Mapping[str, Any], whole: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return what writes an IRI by its prefix, or as a `whole`; a blank node by its label."""
    known = {str(iri): name for name, iri in prefixes.items()}

    def short(node: Any) -> str:
        if not isinstance(node, URIRef):
            return f"_:{node}"
        cut = max(node.rfind("#"), node.rfind("/")) + 1
        name = known.get(node[:cut])
        return f"{name}:{node[cut:]}" if name and LOCAL.fullmatch(node[cut:]) else whole(node)

    return short


def _cached(write: Callable[[Any], str]) -> Callable[[Any], str]:
    texts: dict[Any, str] = {}

    def cached(node: Any) -> str:
        text = texts.get(node)
        if text is None:
            text = texts[node] = write(node)
        return text

    return cached
