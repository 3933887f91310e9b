"""Recognise the regional languages of France by their frequent small words. A detector of major
languages takes them for Dutch, Italian or Swahili."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+'?")

#: The most frequent small words of each language, as written.
_REGIONAL = {
    "Alsatian": """
        àlle àn àwer awer bi d' dàs dàss 's dr eso fer fir gàr gibt's güet hàn hät het isch ìsch
        ìch kàn kenne mer mìr net nìt noch nit nùmme sìn sìnd uff ùf un ùn uns vum vùn vo wàs wàr
        wie wo zitt ìm ìn elsàss unseri ebbis ebs mìt viel""",
    "Basque": """
        ala baina baino bat behar bere beste bezala da daude dago den dira dituzte ditu du dut
        dugu duen egin egiten ere eta ez gabe gara guztiak gure hau hemen hori horiek hura izan
        nahi nire oso hor zen zeren datuak batean ditut ditzaket inon naiz zara ikusten eskerrik
        asko mesedez duzu dezakegu""",
    "Breton": """
        a amañ an anezho ar bet bez bezañ brezhoneg d' da dezhañ e eo eur ez gant ganin gwelout ha
        hag he hep hervez hini ho holl hon ket e-barzh kalz kement ma mank mat meur n' n'eo na
        n'eus ne nebeut ouzh pe penaos peogwir pep re sur int tud un ur vad vez vo war zo evit
        evel barzh c'h eus deus gwelloc'h""",
    "Catalan": """
        això als amb aquest aquesta aquestes aquests cal com dades de del dels dues el els en era
        és està fa falta han hi i la les llista més molt museus no només o on per però perquè pel
        pels que què s' segons sense seva seves són també tots totes un una va""",
    "Corsican": """
        à a ancu avemu bisognu chì cù cusì da di dopu duie e è ella esse fà feghja fora hà hè i
        ind' l' listi ma manca mancanu micca mo ne nant' nantu no nostra nostru nè o pè per pò
        pocu più quessa quì quellu sempre si sò ssa ssu sta stu so tuttu tutti u ùn un""",
    "Creole": """
        a adan an anba ankò ansanm anpil ant apa asou avè ba bann bay bagay bon byen ban dann dé
        di domoun é ek èk épi èpi fè fo gen i in inn ka kay ké kè ki kisa kon koté l' la lé lo loc
        ladan man mi mank manké manke mwen mwin menm moun mové na nan nou nout ou oun pa pabon pé
        pli pou poukisa sa sak sé sel si soley té tan tout tousa touléjou vwè wè yé yo yonn zafè
        zòt zot zis li""",
    "Occitan": """
        a al als amb aquel aquela aquesta aqueste aquestes aquò ara après cal coma d' dau dels de
        del dempuèi dels dins e el ela es èra fa fòrça ges i l' la las lo los mai manca mancan mas
        me ne nòstra nòstre o òm ont pas pel per plan pr' qu' que quand sa se sens són son sus
        tanben tot tota totes totas tròp un una vòl""",
    "Flemish": """
        al azo d' da dat de den der die e een en et gin goa goed hem het hier is ip ka kan kik me
        meugn mo moar moe mor myn niet nie nieten noga of ook ossan oek opt 't te toe tot un uut
        van vo voe voor wuk zyn zien""",
    "Franconian": """
        a an alleguer an ass awer bei dat datt den déi der dës dir do eis ech een ee en et fir
        ginn hei hunn kann keng mat mer mir nach net nët oder op och sech si sinn vill vum vun
        wann war wéi wat zu""",
    "Tahitian": """
        'aita 'e 'ia 'o 'oia 'ore 'ua aita e fa ho'i i ia mai mau na nā no nō nei o rahi roto ra
        te tei teie tā tātou tō ua""",
}
#: Major languages that a detector recognises, and that regional ones resemble.
_GREAT = {
    "English": """
        a all an and any are as at be been but by can do for from get has have here how i if in is
        it its me more my no not now of on or our out please so some that the there these they
        this to up us was we were what which will with would you your""",
    "Spanish": """
        a al con de del desde el ella en es esta este está estos falta faltan hay la las lo los
        más muy no nos o para pero por porque que se sin son su sus también todos un una y ya""",
    "Italian": """
        a ai al alla anche che ci con da dal dati dei del della delle di è e gli ha hanno i il in
        la le lista ma mancano molto nella nel nelle non o per più questa questo si sono su tutti
        un una""",
    "German": """
        aber alle am auch auf aus bei das dass dem den der des die diese ein eine einer es fehlen
        fehlt für hat haben ich im in ist mit nicht noch oder seit sich sie sind und uns von war
        was wir zu zum zur""",
    "Dutch": """
        aan als dat de deze die dit door een en er het hebben heeft hij ik in is maar met naar
        niet nog of om onze ook op over te tot uit van voor was we wij worden wordt ze zijn zo""",
    "Portuguese": """
        a ao aos as com da das de do dos e em é esta este faltam há mais mas muito na não nas no
        nos o os ou para pela pelo por que se são seu sua também um uma""",
}
#: Major languages first: they win a tie.
_LANGUAGES = {name: frozenset(listed.split()) for name, listed in (_GREAT | _REGIONAL).items()}
#: Smallest share of a text for the small words of its language.
_SHARE = 0.2


def is_regional(text: str) -> bool:
    """Return whether a text is more likely in a regional language than in any other."""
    said = _WORD.findall(text.lower().replace("’", "'"))
    if not said:
        return False
    shares = {name: sum(word in small for word in said) for name, small in _LANGUAGES.items()}
    likeliest = max(shares, key=lambda name: shares[name])
    return likeliest in _REGIONAL and shares[likeliest] >= _SHARE * len(said)
