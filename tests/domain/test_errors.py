import pytest

from orak.application.ports.converter import ConversionBroke, DecoderDied, Unconvertible
from orak.domain.errors import (
    IdempotencyMismatch,
    LeaseLost,
    OrakError,
    PermissionDenied,
    Problem,
    ProblemCode,
    RecordExists,
    RecordNotFound,
    Rejected,
    SongNotFound,
    StateConflict,
    UploadNotFound,
    WrongState,
)
from orak.domain.processing import FailureCode
from orak.domain.webhooks import DeliveryNotFound, EndpointNotFound


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UploadNotFound(5), "upload 5 does not exist"),
        (RecordNotFound(5), "record 5 does not exist"),
        (SongNotFound(5), "song 5 does not exist"),
        (EndpointNotFound(5), "webhook 5 does not exist"),
        (DeliveryNotFound(5), "delivery 5 does not exist"),
        (RecordExists(5), "upload 5 has a record already"),
        (PermissionDenied(None, 9), "the upload does not belong to user 9"),
        (PermissionDenied(7, 9), "record 7 does not belong to user 9"),
        (StateConflict(5, WrongState.NOT_FAILED), "upload 5 has not failed"),
        (LeaseLost(), "the attempt has lost its lease"),
        (IdempotencyMismatch(), "the Idempotency-Key was used with another body"),
        (Unconvertible(FailureCode.CORRUPT), "the file cannot be converted: CORRUPT"),
        (DecoderDied(FailureCode.RESOURCE_LIMIT), "the decoding process was killed: RESOURCE_LIMIT"),
        (ConversionBroke("  ValueError"), "the conversion broke off:\n  ValueError"),
        (
            Rejected([Problem("title", ProblemCode.TOO_LONG, 255), Problem("song_id", ProblemCode.INVALID)]),
            "title is TOO_LONG (limit 255); song_id is INVALID",
        ),
    ],
)
def test_an_error_says_in_a_sentence_what_is_wrong(error, sentence):
    assert str(error) == sentence


@pytest.mark.parametrize("why", WrongState)
def test_every_wrong_state_has_a_sentence(why):
    assert str(StateConflict(5, why)).startswith("upload 5 ")


@pytest.mark.parametrize("error", OrakError.__subclasses__())
def test_an_error_that_needs_no_arguments_has_a_sentence_of_its_own(error):
    if "__init__" not in vars(error):
        assert str(error()) != OrakError.summary
        assert " " in str(error())
