"""What letters say, word by word where it matters, and when one is not handed out."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.core.refusing import GROUNDS
from orchestrator.letters import checking, samples, writing
from orchestrator.letters.case import Case, episode_of
from orchestrator.letters.claims import CLAIMS, broken
from orchestrator.letters.errors import OverclaimError
from orchestrator.letters.owing import owed
from orchestrator.letters.said import Said
from orchestrator.letters.samples import record
from orchestrator.letters.writing import date, kind_of, row
from orchestrator.runtime import letters
from schemas.outcomes import Anonymised, Attested, Deleted, Kept, KeptWhy, Lifted, NothingHeld, Restricted, Stopped
from schemas.outcomes import Final as FinalOutcome
from schemas.published import Notice

EN, FR = letters.load("en", None), letters.load("fr", None)
AT = "2026-02-10T09:00:00.000Z"
GONE = Deleted(3, "delete", AT)
BILLS = Kept(2, KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", until="2031-01-01")
WORD = Attested("dpo", "2026-02-09", "0" * 64)


def answer(*outcomes: FinalOutcome, right: str = "erasure", before: tuple[FinalOutcome, ...] = ()) -> Case:
    if before:
        first = record(right, before)
        return samples._answered(record(right, outcomes, number=2), first)
    return samples._answered(record(right, outcomes))


def told(case: Case, template: object = EN) -> list[str]:
    assert isinstance(template, type(EN))
    return [one.text for one in checking.handed_out(template, case).said]


def test_everything_is_erased_and_both_languages_say_so() -> None:
    case = answer(GONE, NothingHeld())
    assert told(case) == [
        "You asked us to erase your data. We received your request on 31 January 2026. This is our answer.",
        (
            "We have erased everything that we held about you in our systems. We looked again afterwards, and nothing"
            " was left."
        ),
        "Erased: contact details (3 records).",
        "Backup copies of our systems may still hold the data. The last of them ends by 12 March 2026.",
        "Do you have a question? Reply to this letter and give the number sample.",
    ]
    assert told(case, FR)[1] == (
        "Nous avons effacé tout ce que nous avions sur vous dans nos systèmes. Nous avons regardé une seconde fois"
        " ensuite : il ne restait rien."
    )


def test_what_is_kept_has_its_reason_its_text_its_date_and_where_to_complain() -> None:
    said = told(answer(BILLS, GONE))
    assert (
        "Contact details (2 records): a law requires that it is kept (Code de commerce, art. L123-22). We keep it until"
        " 1 January 2031. Then we look at it again, and erase it if nothing new stands against it." in said
    )
    assert "The authority for us is: CNIL." in said
    assert "The court for us is: Tribunal judiciaire de Paris." in said
    assert not any("everything" in one for one in said)
    french = " ".join(told(answer(BILLS, GONE), FR))
    assert "Nous gardons cela jusqu'au 1er janvier 2031." in french
    assert "L'autorité".lower() in french.lower()


def test_what_somebody_attests_is_said_as_their_word() -> None:
    said = told(answer(WORD, GONE))
    assert (
        "Contact details: our data protection officer told us on 9 February 2026 that it was done. We could not look"
        " ourselves." in said
    )
    assert "We have erased what is listed here as erased. We looked again afterwards, and it was gone." in said


def test_what_was_kept_is_erased_at_its_time_and_what_came_back_is_erased_again() -> None:
    assert kind_of(answer(GONE, before=(BILLS,))) == "later"
    said = told(answer(GONE, before=(BILLS,)))
    assert "Erased now: contact details (3 records). We had told you that we keep it." in said
    assert "Of what we had kept, nothing is left that leads to you." in said
    said = told(answer(GONE, before=(GONE,)))
    assert "Contact details (3 records): it had come back into our systems. We found it and erased it again." in said
    assert "You do not have to do anything about what had come back." in said
    assert not any("nothing is left" in one for one in said)
    back = record("erasure", (GONE,), number=2, looked_again="restored:2026-01-01T00:00:00Z")
    assert "A backup of our systems had to be restored." in told(samples._answered(back, record("erasure", (GONE,))))
    left = {"crm/b": "not subject to this right: the person came back themselves"}
    back = record("erasure", (GONE,), number=2, not_searched=left, looked_again="recheck")
    said = told(samples._answered(back, record("erasure", (GONE,))))
    assert any("you have come back to us since then. So we left it as it is." in one for one in said)
    assert not any("restored" in one for one in said)
    said = told(answer(NothingHeld(), before=(BILLS,)))
    assert any("found nothing of it" in one for one in said)
    assert "We have not erased any data." not in said


def test_a_doubt_says_what_is_asked_and_what_is_not_and_the_clock_only_where_it_stops() -> None:
    facts = {"reason": "address_unknown", "asks": "callback"}
    case = samples._case("access", "identity_doubt", facts, clock_stops=True)
    said = " ".join(told(case))
    assert "a call with you, at a number that we already know" in said
    assert "Please do not send us an identity document" in said
    assert "stands still until you reply" in said
    assert "address_unknown" not in said, "why somebody doubts is not told"
    assert "stands still" not in " ".join(told(msgspec.structs.replace(case, clock_stops=False)))
    paper = samples._case("access", "identity_doubt", facts | {"asks": "document"})
    assert "Cover everything on the document" in " ".join(told(paper))


def test_an_extension_that_was_told_too_late_is_not_handed_out() -> None:
    facts = {"reason": "complexity", "due_on": "2026-04-30"}
    case = samples._case("access", "extension", facts, told_at=AT, notice_by="2026-03-02")
    assert "You will have our answer by 30 April 2026." in " ".join(told(case))
    with pytest.raises(OverclaimError, match="the last day was 2026-02-09"):
        told(msgspec.structs.replace(case, notice_by="2026-02-09"))


@pytest.mark.parametrize("ground", GROUNDS)
def test_a_refusal_has_its_ground_in_words_and_where_to_complain(ground: str) -> None:
    case = samples._answered(record("erasure", (NothingHeld(),), result="refused", ground=ground))
    assert kind_of(case) == "refusal"
    for template in (EN, FR):
        said = told(case, template)
        assert not any(ground.replace("_", " ") in one for one in said) or "_" not in ground
        assert any("CNIL" in one for one in said)


def test_who_acts_for_somebody_is_told_whose_data_is_meant() -> None:
    case = samples._case("erasure", "receipt", {"due_on": "2026-03-02"}, to="requester")
    assert told(case)[0].startswith("You act for another person.")


def test_a_fee_is_written_as_the_language_writes_it() -> None:
    case = samples._case("access", "fee", {"amount_cents": "1250", "currency": "EUR"})
    assert "12.50 EUR" in told(case)[0]
    assert "12,50 EUR" in told(case, FR)[0]


def test_what_is_for_somebody_in_charge_is_no_letter() -> None:
    for kind, to in (("needs_attention", "dpo"), ("rectified", "dpo"), ("answer", "subject")):
        assert kind_of(samples._case("erasure", kind, {}, to=to)) == ""


def test_every_kind_is_written_by_some_sample_and_every_sentence_by_one() -> None:
    """A sentence that no record can bring about is never read by anybody, and never tried."""
    written: dict[str, set[str]] = {}
    for case in samples.cases():
        found = writing.write(EN, case)
        written.setdefault(found.kind, set()).update(one.key for one in found.said)
    assert set(written) == set(EN.letters)
    every = {one.key for some in EN.letters.values() for one in some}
    assert every == {key for keys in written.values() for key in keys}


def test_every_claim_is_made_by_some_sentence_and_refused_on_some_sample() -> None:
    every = {claim for some in EN.letters.values() for one in some for claim in one.shape.claims}
    assert every | {"fulfilled", "partly_fulfilled"} == set(CLAIMS)
    empty = samples._case("erasure", "needs_attention", {})
    for name in CLAIMS:
        said = Said("x", "", (name,), values={"authority": "B"})
        assert [claim for claim, _ in broken(empty, said)] == [name]


@pytest.mark.parametrize(
    ("claim", "values", "why"),
    [
        ("erased", {"count": 4}, "otherwise of crm/a: count"),
        ("erased", {"looked_on": "2026-02-11"}, "nobody looked again on 2026-02-11"),
        ("anonymised", {}, "does not say anonymised"),
        ("kept", {}, "not Kept"),
        ("attested", {}, "not Attested"),
        ("partly_erased", {}, "not Kept"),
        ("masked", {}, "is masked"),
        ("live_file", {}, "rotation"),
        ("came_back", {}, "no earlier record"),
        ("erased_later", {}, "was not kept before"),
        ("found_gone", {}, "nothing of crm/a was found"),
        ("not_searched", {}, "was searched"),
        ("backups", {"backups_until": "2026-03-11"}, "backups live until 2026-03-12"),
        ("nothing_held", {}, "the result is fulfilled"),
        ("nothing_erased", {}, "something was erased"),
        ("refused", {}, "no refusal"),
        ("copy", {}, "no copy"),
    ],
)
def test_a_claim_is_held_against_the_line(claim: str, values: dict[str, str | int], why: str) -> None:
    case = answer(GONE, NothingHeld())
    found = dict(broken(case, Said("x", "", (claim,), "crm/a", dict(values))))
    assert why in found[claim]


def test_what_is_made_anonymous_is_not_called_erased() -> None:
    masked = Anonymised(1, "mask", AT)
    said = told(answer(GONE, masked))
    assert any("or made it anonymous. We looked again" in one for one in said)
    assert dict(broken(answer(GONE, masked), Said("x", "", ("erased_all",))))
    said = told(answer(masked, WORD))
    assert "We have erased or made anonymous what is listed here as such. We looked again afterwards." in said
    assert any("made it anonymous again" in one for one in told(answer(masked, before=(GONE,))))
    assert any(one.startswith("Made anonymous now: ") for one in told(answer(masked, before=(BILLS,))))
    for claim in ("came_back", "erased_later"):
        said_ = Said("x", "", (claim,), "crm/a")
        assert list(broken(answer(masked, before=(GONE if claim == "came_back" else BILLS,)), said_))


def test_erased_all_wants_a_fulfilled_first_record_with_nothing_but_verified_lines() -> None:
    said = Said("x", "", ("erased_all",))
    assert not list(broken(answer(GONE, NothingHeld()), said))
    for case in (
        answer(GONE, WORD),
        answer(GONE, BILLS),
        answer(NothingHeld()),
        answer(GONE, before=(BILLS,)),
        answer(Stopped(("marketing",)), right="withdrawal_of_consent"),
        samples._answered(record("erasure", (GONE,), not_searched={"hr": "out of the scope of the request"})),
        samples._answered(record("erasure", (GONE,), result="withdrawn")),
    ):
        assert dict(broken(case, said))["erased_all"]
    # A line that is not verified does not count, whatever it is called.
    of = record("erasure", (GONE,))
    line = msgspec.structs.replace(of.systems[0].record_sets[0], assurance="attested")
    system = msgspec.structs.replace(of.systems[0], record_sets=(line,))
    doubtful = samples._answered(msgspec.structs.replace(of, systems=(system,)))
    assert dict(broken(doubtful, said))["erased_all"] == "crm/a is Deleted, attested"
    assert dict(broken(doubtful, Said("x", "", ("erased_some",))))
    assert not any("erased" in one.lower() and "not" not in one for one in told(doubtful)[1:2])


def test_a_record_that_contradicts_itself_brings_no_letter() -> None:
    """Fulfilled, and something is kept: no such record is signed; if one were, nothing is said on it that is wrong."""
    case = samples._answered(record("erasure", (GONE, BILLS), result="fulfilled"))
    assert not any("everything" in one for one in told(case))
    nothing = samples._answered(record("erasure", (GONE,), result="nothing_held"))
    with pytest.raises(OverclaimError, match="something was held"):
        told(nothing)


def test_an_answer_that_leaves_out_what_it_owes_is_not_handed_out() -> None:
    case = answer(BILLS, WORD)
    assert owed(case.records[-1]) == {
        ("kept", "crm/a"), ("attested", "crm/b"), ("remedies", ""),
    }  # fmt: skip
    cut = msgspec.structs.replace(
        EN, letters=EN.letters | {"answer": tuple(one for one in EN.letters["answer"] if one.key != "attested")}
    )
    with pytest.raises(OverclaimError, match="does not say 'attested' of crm/b"):
        checking.handed_out(cut, case)


def test_what_processors_say_is_their_word_and_an_authority_is_not_named() -> None:
    done, kept, review, unasked, _, _, told_, impossible, *_, police = samples.OTHERS
    case = samples._answered(record("erasure", (GONE,), recipients=(done, told_, police)))
    said = told(case)
    assert (
        "Atelier XIV works for us. We have its word of 8 February 2026 that this is done there too. We could not look"
        " there ourselves." in said
    )
    assert "We told Partner SA, to whom we had passed your data on." in said
    assert not any("everything" in one or "Police" in one for one in said)
    kept_ = told(samples._answered(record("erasure", (GONE,), recipients=(kept,))))
    assert any("It keeps it until 1 January 2029. Then we ask again." in one for one in kept_)
    assert any("you can complain" in one for one in kept_)
    assert any(
        "On 1 January 2027 we ask again." in one
        for one in told(samples._answered(record("erasure", (GONE,), recipients=(review,))))
    )
    assert any(
        "We have no answer from it" in one
        for one in told(samples._answered(record("erasure", (GONE,), recipients=(unasked,))))
    )
    assert any(
        "out of all proportion" in one
        for one in told(samples._answered(record("erasure", (GONE,), recipients=(impossible,))))
    )
    assert any("everything" in one for one in told(samples._answered(record("erasure", (GONE,), recipients=(told_,)))))
    who = samples._answered(record("erasure", (GONE,), recipients=(done, told_, police)), notice="recipients")
    assert kind_of(who) == "recipients_told"
    assert len(told(who)) == 4


def test_whom_the_person_may_not_be_told_of_is_refused_even_if_a_template_names_it() -> None:
    case = samples._answered(record("erasure", (GONE,), recipients=(samples.OTHERS[-1],)))
    said = Said("x", "", ("notified",), "@police", {"recipient": "Police"})
    assert dict(broken(case, said)) == {"notified": "the person may not be told of it (gdpr-23)"}


def test_recipients_are_told_what_the_record_says_of_them() -> None:
    facts = {"record_sets": "crm/a", "text": "gdpr-19"}
    good = samples._case("restriction", "restricted", facts, record("restriction", (Restricted(1),)), to="recipients")
    assert "Restricted: contact details." in told(good)
    bad = samples._case("restriction", "restricted", facts, record("restriction", (Lifted(1),)), to="recipients")
    with pytest.raises(OverclaimError, match="does not say so of crm/a"):
        told(bad)


@pytest.mark.parametrize(
    ("day", "english", "french"),
    [("2026-05-01", "1 May 2026", "1er mai 2026"), ("2026-08-31", "31 August 2026", "31 août 2026")],
)
def test_dates_are_written_in_the_language(day: str, english: str, french: str) -> None:
    assert (date(EN.language, day), date(FR.language, day)) == (english, french)


def test_lists_and_counts_are_written_in_the_language() -> None:
    assert [row(FR.language, list("abc"[:n])) for n in range(4)] == ["", "a", "a et b", "a, b et c"]
    assert writing.spelled(FR, "count", 0) == "0 enregistrement"
    assert writing.spelled(EN, "count", 0) == "0 records"
    assert writing.spelled(EN, "law", "policy:contact_3y") == 'our own rule "contact 3y"'
    assert writing.spelled(FR, "law", "gdpr-17-3-b") == "RGPD, art. 17(3)(b)"
    assert writing.spelled(EN, "law", "nonsense") == "nonsense"


def test_a_notice_knows_its_episode_whatever_the_id_of_the_request() -> None:
    assert episode_of(Notice("a.b.c.2.answer.17", "answer", "subject")) == 2
    assert episode_of(Notice("odd", "answer", "subject")) == 1
