import sys
import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orak.domain.errors import ProblemCode
from orak.domain.formats import CONTENT_TYPES, EXTENSIONS
from orak.domain.identity import original_key, published_key, safe_name
from orak.domain.policies.arrivals import patience
from orak.domain.policies.fields import clean_name, has_forbidden_character, name_problem, text_problem
from orak.domain.policies.retries import backoff
from orak.domain.policies.uploads import UploadPolicy, media_type

POLICY = UploadPolicy(max_bytes=1000, max_duration_seconds=3600)
BIDI_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
UUID = "4f9c2f1e-0b0e-4c39-9c5e-5f1f6f0c7b11"


def code(problem):
    return problem and problem.code


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("take.webm", None),
        ("내 노래 (1).M4A", None),
        ("a.b.mp3", None),
        ("", ProblemCode.REQUIRED),
        (None, ProblemCode.REQUIRED),
        ("   ", ProblemCode.REQUIRED),
        ("take", ProblemCode.UNSUPPORTED_TYPE),
        ("webm", ProblemCode.UNSUPPORTED_TYPE),
        ("take.exe", ProblemCode.UNSUPPORTED_TYPE),
        ("take.webm.", ProblemCode.UNSUPPORTED_TYPE),
        ("../../etc/passwd", ProblemCode.UNSUPPORTED_TYPE),
        ("ta\0ke.webm", ProblemCode.INVALID_CHARACTER),
        ("ta\ud800ke.webm", ProblemCode.INVALID_CHARACTER),
        ("a" * 250 + ".webm", None),
        ("a" * 251 + ".webm", ProblemCode.TOO_LONG),
        ("a" * 5000 + ".webm", ProblemCode.TOO_LONG),
    ],
)
def test_file_names_are_checked(name, expected):
    assert code(POLICY.filename_problem(name)) is expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, None),
        (1000, None),
        (1001, ProblemCode.TOO_LARGE),
        (0, ProblemCode.NOT_POSITIVE),
        (-1, ProblemCode.NOT_POSITIVE),
        (10**15, ProblemCode.TOO_LARGE),
        (None, ProblemCode.REQUIRED),
    ],
)
def test_file_sizes_are_checked(size, expected):
    assert code(POLICY.size_problem(size)) is expected


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("audio/webm", None),
        ("audio/webm;codecs=opus", None),
        ('Audio/WebM; codecs="opus, vp8"', None),
        ("video/webm;codecs=vp8,opus", None),
        ("video/mp4;codecs=avc1.42E01E,mp4a.40.2", None),
        ("video/x-matroska;codecs=avc1,opus", None),
        ("audio/webm;codecs=vp8,", ProblemCode.UNSUPPORTED_TYPE),
        ("audio/webm,video/webm", ProblemCode.UNSUPPORTED_TYPE),
        ("video/quicktime2", ProblemCode.UNSUPPORTED_TYPE),
        ("text/html", ProblemCode.UNSUPPORTED_TYPE),
        ("audio/webm\r\nX-Evil: 1", ProblemCode.UNSUPPORTED_TYPE),
        ("audio/webm;", ProblemCode.UNSUPPORTED_TYPE),
        ("audio/webm; codecs", ProblemCode.UNSUPPORTED_TYPE),
        ("audio/webm;codecs=" + "o" * 100, ProblemCode.TOO_LONG),
        (" ", ProblemCode.REQUIRED),
        (None, ProblemCode.REQUIRED),
    ],
)
def test_content_types_are_checked(content_type, expected):
    assert code(POLICY.content_type_problem(content_type)) is expected


@pytest.mark.parametrize(
    "content_type",
    [
        *("video/mp4", "video/ogg", "video/webm", "audio/vnd.dlna.adts", "audio/mp4a-latm"),
        *("audio/x-matroska", "audio/matroska", "audio/3gpp", "video/3gpp", "audio/x-caf", "audio/caf"),
        *("audio/aiff", "audio/x-aiff", "audio/aacp", "audio/x-hx-aac-adts", "audio/x-m4a"),
    ],
)
def test_the_types_that_browsers_report_for_audio_are_accepted(content_type):
    assert POLICY.content_type_problem(content_type) is None


@pytest.mark.parametrize("extension", ["weba", "m4b", "qta", "3gp", "caf", "aiff", "aif", "mka", "MKA"])
def test_the_extensions_that_phones_and_systems_use_are_accepted(extension):
    assert POLICY.filename_problem(f"take.{extension}") is None


def test_a_refused_type_comes_with_the_accepted_ones():
    assert POLICY.filename_problem("take.exe").accepted == EXTENSIONS
    assert POLICY.content_type_problem("text/html").accepted == CONTENT_TYPES
    assert "mka" in str(POLICY.filename_problem("take.exe"))


def test_accepted_types_fit_their_columns_and_belong_to_one_format():
    assert len(set(EXTENSIONS)) == len(EXTENSIONS)
    assert len(set(CONTENT_TYPES)) == len(CONTENT_TYPES)
    assert all(len(extension) <= 10 and extension == extension.lower() for extension in EXTENSIONS)
    assert all(media_type(content_type) == content_type for content_type in CONTENT_TYPES)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, None), (0, None), (3600, None), (3601, ProblemCode.TOO_LARGE), (-1, ProblemCode.INVALID)],
)
def test_declared_durations_are_checked(seconds, expected):
    assert code(POLICY.duration_problem(seconds)) is expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("첫 노래", None),
        ("👩‍🎤", None),
        ("a" * 255, None),
        ("a" * 256, ProblemCode.TOO_LONG),
        ("e\u0301" * 255, None),
        ("e\u0301" * 256, ProblemCode.TOO_LONG),
        ("", ProblemCode.REQUIRED),
        ("\u3000", ProblemCode.REQUIRED),
        ("a\nb", ProblemCode.INVALID_CHARACTER),
        ("a\x7fb", ProblemCode.INVALID_CHARACTER),
        ("\udfff", ProblemCode.INVALID_CHARACTER),
        (unicodedata.normalize("NFD", "한" * 255), None),
        ("\u0958" * 128, ProblemCode.TOO_LONG),  # each becomes two characters in NFC
        ("\u202e" * 300 + "a", None),
        ("\u202e\u2066", ProblemCode.REQUIRED),
    ],
)
def test_titles_are_checked_and_counted_after_nfc(title, expected):
    assert code(name_problem("title", title)) is expected


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (unicodedata.normalize("NFD", "한국어 노래.webm"), "한국어 노래.webm"),
        ("\u202egpj.webm\u202c", "gpj.webm"),
        ("a\u061cb\u200ec\u200fd\u2066e\u2069f", "abcdef"),
        ("e\u200f\u0301", "é"),
        ("👩\u200d🎤", "👩\u200d🎤"),
        ("ﬁ①Ａ", "ﬁ①Ａ"),
    ],
)
def test_a_name_is_stored_in_nfc_without_bidi_controls(sent, stored):
    assert clean_name(sent) == stored


@given(st.text())
def test_a_stored_name_stays_as_it_is(text):
    stored = clean_name(text)
    assert clean_name(stored) == stored
    assert unicodedata.is_normalized("NFC", stored)
    assert not any(unicodedata.bidirectional(character) in BIDI_CONTROLS for character in stored)


def test_the_rules_for_characters_hold_for_every_one_of_unicode():
    every = [chr(number) for number in range(sys.maxunicode + 1)]
    categories = {character: unicodedata.category(character) for character in every}
    assert {character for character in every if has_forbidden_character(character)} == {
        character for character in every if categories[character] in {"Cc", "Cs"}
    }
    assert {character for character in every if text_problem("song_title", character)} == {
        character for character in every if categories[character] == "Cs" or character == "\0"
    }
    marks = {"\u061c", "\u200e", "\u200f"}  # Bidi_Control too, although of other bidirectional classes
    assert {character for character in every if not clean_name(character)} == marks | {
        character for character in every if unicodedata.bidirectional(character) in BIDI_CONTROLS
    }


@given(st.text(min_size=200, max_size=300))
def test_a_name_that_passes_fits_its_column(text):
    if name_problem("title", text) is None:
        assert 1 <= len(clean_name(text)) <= 255
        clean_name(text).encode()


@pytest.mark.parametrize(
    ("filename", "safe"),
    [
        ("take.webm", "take.webm"),
        ("내 노래.M4A", "내_노래.m4a"),
        ("../../etc/passwd.mp3", "passwd.mp3"),
        ("C:\\music\\a.wav", "a.wav"),
        ("\u202egnp.mp3", "gnp.mp3"),
        ("?%#.ogg", "take.ogg"),
        ("...webm", "take.webm"),
    ],
)
def test_a_key_holds_only_safe_characters_of_a_name(filename, safe):
    assert safe_name(filename) == safe
    assert original_key(UUID, filename) == f"recordings/{UUID}_{safe}"


@given(st.text(max_size=300).map(lambda stem: stem + ".webm"))
def test_no_file_name_escapes_its_folder(filename):
    for key in (original_key(UUID, filename), published_key(UUID, 3, filename, "m4a")):
        folder, *rest = key.split("/")
        assert folder in {"recordings", "published"}
        assert all(part not in {"", ".", ".."} for part in rest)
        assert len(key.encode()) <= 1024
        assert not any(character in key for character in "\0\\?#%\n\u202e")


def test_two_attempts_never_share_a_key():
    assert published_key(UUID, 1, "내 노래.webm", "m4a") == f"published/{UUID}/1_내_노래.m4a"
    assert published_key(UUID, 2, "내 노래.webm", "m4a") == f"published/{UUID}/2_내_노래.m4a"


@given(st.integers(1, 50), st.floats(0, 1))
def test_back_off_is_between_a_second_and_ten_minutes(failures, chance):
    assert timedelta(seconds=1) <= backoff(failures, chance) <= timedelta(minutes=10)


def test_the_first_back_off_is_at_most_two_seconds():
    assert [backoff(n, 1.0).total_seconds() for n in range(1, 12)] == [
        2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600,
    ]  # fmt: skip


def test_checks_for_missing_bytes_become_less_frequent():
    assert patience(timedelta(0), expected=False) == timedelta(seconds=2)
    assert patience(timedelta(minutes=3), expected=False) == timedelta(minutes=3)
    assert patience(timedelta(days=2), expected=False) == timedelta(minutes=10)


def test_checks_for_expected_bytes_stay_frequent():
    assert patience(timedelta(seconds=9), expected=True) == timedelta(seconds=9)
    assert patience(timedelta(days=2), expected=True) == timedelta(seconds=30)


def test_a_media_type_is_the_part_before_the_parameters():
    assert media_type("Audio/OGG ; codecs=vorbis") == "audio/ogg"
    assert media_type("audio") is None
