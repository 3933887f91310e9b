"""The sample answers are ones that the plugin would accept."""

from collections import Counter

from demo import accounts, catalogue, opinions

AXES = {"update_frequency", "completeness", "contextualisation", "georeferencing"}
USAGES = {
    "information", "research", "teaching", "journalism", "service", "visualisation", "mediation",
    "policy", "business", "enrichment", "other",
}  # fmt: skip
PROFILES = {
    "individual", "student", "teacher", "researcher", "journalist", "developer", "company",
    "local_authority", "state", "tourism", "cultural_institution", "association", "other",
}  # fmt: skip

SAMPLE = opinions.sample_opinions()


def test_they_use_the_vocabularies() -> None:
    for opinion in SAMPLE:
        assert opinion.fitness in {"yes", "partly", "no"}
        assert set(opinion.ratings) <= AXES
        assert set(opinion.ratings.values()) <= {1, 2, 3, 4, 5}
        assert set(opinion.usages) <= USAGES
        assert opinion.profile is None or opinion.profile in PROFILES
        assert opinion.signature in {"name", "none"}
        assert opinion.days_ago >= 1


def test_nobody_answers_twice_about_a_dataset() -> None:
    pairs = Counter((opinion.author_email, opinion.dataset_remote_id) for opinion in SAMPLE)
    assert set(pairs.values()) == {1}


def test_they_come_from_ordinary_accounts_about_datasets_of_the_catalogue() -> None:
    assert {opinion.author_email for opinion in SAMPLE} <= {
        account.email for account in accounts.AUTHORS
    }
    assert {opinion.dataset_remote_id for opinion in SAMPLE} <= set(catalogue.remote_ids())


def test_only_words_wait_for_an_answer() -> None:
    assert all(opinion.comment for opinion in SAMPLE if opinion.wants_answer)
    comments = [opinion.comment for opinion in SAMPLE if opinion.comment]
    assert len(comments) == len(set(comments)) > 100


def test_they_are_the_same_each_time() -> None:
    assert opinions.sample_opinions() == SAMPLE


def test_what_was_handled_was_said_in_words_and_answered() -> None:
    handled = [opinion for opinion in SAMPLE if opinion.handled]
    assert {opinion.handled["status"] for opinion in handled} == {
        "acknowledged",
        "planned",
        "resolved",
        "declined",
    }
    assert all(opinion.comment and opinion.handled["answer"] for opinion in handled)
    assert {opinion.better for opinion in handled} == {None, "yes", "partly"}
    assert all(opinion.handled for opinion in SAMPLE if opinion.better)
