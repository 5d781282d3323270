"""A trained model on disk: what was saved comes back, and nothing else is believed."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.engine.understand import load_reader
from bot.engine.understanding import archive
from bot.engine.understanding.archive import ARRAYS, FORMAT, JSON, ArchiveDamaged
from bot.engine.understanding.concepts import Lexicon
from bot.engine.understanding.model import Understanding
from bot.engine.understanding.reading import Reader, Reading
from tests.engine.understanding.conftest import Examples

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def files(small: Understanding, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return saved(small, tmp_path_factory.mktemp("saved"))


@pytest.fixture(scope="module")
def others(examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Another model of the same shape: the same examples, learnt without a lexicon."""
    return saved(Understanding.train(*examples, Lexicon({})), tmp_path_factory.mktemp("others"))


def saved(model: Understanding, folder: Path) -> Files:
    archive.save(model, folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def load(files: Files) -> Understanding:
    return archive.load(files.__getitem__)


def refused(files: Files) -> str:
    with pytest.raises(ArchiveDamaged) as refusal:
        load(files)
    return str(refusal.value)


def is_one_sentence_that_says_what_to_do(sentence: str) -> bool:
    is_sentence = sentence.startswith("The trained model is damaged (") and "\n" not in sentence
    return is_sentence and sentence.endswith("Train again: ./anxin train")


def described(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files[JSON].decode().split("\n")[1])
    return found


def resealed(change: Callable[[dict[str, Any]], object], files: Files) -> Files:
    """Return an archive whose seals fit, as somebody with the code could write it."""
    content = described(files)
    content["arrays"] = hashlib.sha256(files[ARRAYS]).hexdigest()
    change(content)
    return {**files, JSON: archive._sealed(content).encode()}


def with_arrays(change: Callable[[dict[str, np.ndarray]], object], files: Files) -> Files:
    with np.load(io.BytesIO(files[ARRAYS])) as stored:
        arrays = dict(stored)
    change(arrays)
    written = io.BytesIO()
    np.savez(written, **arrays)
    return resealed(lambda content: None, {**files, ARRAYS: written.getvalue()})


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


# --- what was saved --------------------------------------------------------------------------------


def test_a_loaded_model_says_the_same(small: Understanding, files: Files, examples: Examples) -> None:
    loaded = load(files)
    assert loaded.intents == small.intents
    for text in (*examples[0], "", "qqqq", "🙂", "字" * 2000):
        assert loaded.probabilities(text).tolist() == small.probabilities(text).tolist(), text


def test_a_loaded_model_knows_the_same_concepts(small: Understanding, files: Files) -> None:
    assert load(files).space.lexicon.entries == small.space.lexicon.entries


def test_a_loaded_model_is_saved_as_the_same_bytes(files: Files, tmp_path: Path) -> None:
    assert saved(load(files), tmp_path) == files


def test_an_archive_is_json_and_arrays(files: Files) -> None:
    assert set(files) == {JSON, ARRAYS}
    assert described(files)["format"] == FORMAT
    with zipfile.ZipFile(io.BytesIO(files[ARRAYS])) as arrays:
        assert all(name.endswith(".npy") for name in arrays.namelist())


def test_two_intents_come_back(lexicon: Lexicon, tmp_path: Path) -> None:
    model = Understanding.train(["甲一", "甲二", "乙三", "乙四"], ["a", "a", "b", "b"], lexicon)
    assert load(saved(model, tmp_path)).probabilities("甲一").tolist() == model.probabilities("甲一").tolist()


# --- damaged ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [JSON, ARRAYS])
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.25, 0.5, 0.999])
def test_a_truncated_file_is_refused(files: Files, name: str, kept: float) -> None:
    cut = files[name][: int(len(files[name]) * kept)]
    assert is_one_sentence_that_says_what_to_do(refused({**files, name: cut}))


@pytest.mark.parametrize("name", [JSON, ARRAYS])
def test_a_file_that_lacks_its_last_bytes_is_refused(files: Files, name: str) -> None:
    assert is_one_sentence_that_says_what_to_do(refused({**files, name: files[name][:-2]}))


@pytest.mark.parametrize("name", [JSON, ARRAYS])
@pytest.mark.parametrize("part", range(20))
def test_a_flipped_bit_is_refused_wherever_it_is(files: Files, name: str, part: int) -> None:
    at = part * (len(files[name]) - 2) // 19  # the last byte of the description is a line's end
    assert is_one_sentence_that_says_what_to_do(refused({**files, name: flipped(files[name], at)}))


def test_a_flipped_bit_in_the_seal_is_refused(files: Files) -> None:
    for at in range(64):
        assert is_one_sentence_that_says_what_to_do(refused({**files, JSON: flipped(files[JSON], at)}))


def test_the_weights_of_another_model_are_refused(files: Files, others: Files) -> None:
    sentence = refused({**files, ARRAYS: others[ARRAYS]})
    assert "its weights are not those it was trained with" in sentence
    assert is_one_sentence_that_says_what_to_do(sentence)


@pytest.mark.parametrize("name", [JSON, ARRAYS])
def test_a_missing_file_is_refused(files: Files, name: str) -> None:
    assert is_one_sentence_that_says_what_to_do(refused({k: v for k, v in files.items() if k != name}))


def test_a_file_that_is_missing_on_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveDamaged) as refusal:
        archive.load(lambda name: (tmp_path / name).read_bytes())
    assert is_one_sentence_that_says_what_to_do(str(refusal.value))


@pytest.mark.parametrize("name", [JSON, ARRAYS])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"{}", b"null\nnull\n", b"PK\x05\x06" + bytes(18)])
def test_a_file_of_something_else_is_refused(files: Files, name: str, content: bytes) -> None:
    assert is_one_sentence_that_says_what_to_do(refused({**files, name: content}))


# --- sealed, and wrong all the same ------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, FORMAT + 1, None, "2"])
def test_another_format_is_refused_by_its_number(files: Files, number: object) -> None:
    sentence = refused(resealed(lambda content: content.update(format=number), files))
    assert f"it is of format {number}, not {FORMAT}" in sentence
    assert is_one_sentence_that_says_what_to_do(sentence)


@pytest.mark.parametrize(
    "field", ["intents", "temperature", "scope", "topic", "unknown", "grams", "concepts", "arrays"]
)
def test_a_description_without_a_field_is_refused(files: Files, field: str) -> None:
    assert is_one_sentence_that_says_what_to_do(refused(resealed(lambda content: content.pop(field), files)))


@pytest.mark.parametrize("what", [[], None, "words", 2])
def test_a_description_that_is_none_is_refused(files: Files, what: object) -> None:
    sealed = archive._sealed(what).encode()  # type: ignore[arg-type]
    assert is_one_sentence_that_says_what_to_do(refused({**files, JSON: sealed}))


@pytest.mark.parametrize("name", ["rarity", "bias", "weights", "centroids"])
def test_a_pickle_among_the_weights_is_refused(files: Files, name: str) -> None:
    def put(arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = np.asarray([{"a": 1}], dtype=object)

    assert is_one_sentence_that_says_what_to_do(refused(with_arrays(put, files)))


def test_a_pickle_in_place_of_the_weights_is_refused(files: Files) -> None:
    pickle = b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00}\x94."
    assert is_one_sentence_that_says_what_to_do(refused(resealed(lambda content: None, {**files, ARRAYS: pickle})))


@pytest.mark.parametrize(
    "name",
    [
        "rarity",
        "bias",
        "weights",
        "weights_counts",
        "weights_places",
        "centroids",
        "centroids_counts",
        "centroids_places",
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(files: Files, name: str) -> None:
    def shorten(arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = arrays[name][:-1]

    sentence = refused(with_arrays(shorten, files))
    assert "its parts do not fit each other" in sentence
    assert is_one_sentence_that_says_what_to_do(sentence)


@pytest.mark.parametrize("name", ["rarity", "bias", "weights", "weights_counts", "centroids_places"])
def test_weights_without_a_part_are_refused(files: Files, name: str) -> None:
    assert is_one_sentence_that_says_what_to_do(refused(with_arrays(lambda arrays: arrays.pop(name), files)))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["intents"].pop(),
        lambda content: content["grams"]["word"].pop(),
        lambda content: content["grams"].pop("pinyin"),
        lambda content: content["intents"].append("one_more"),
    ],
)
def test_a_description_of_another_size_is_refused(files: Files, change: Callable[[dict[str, Any]], object]) -> None:
    assert is_one_sentence_that_says_what_to_do(refused(resealed(change, files)))


def test_a_weight_for_an_intent_that_is_not_there_is_refused(files: Files) -> None:
    def point_beyond(arrays: dict[str, np.ndarray]) -> None:
        arrays["weights_places"][0] = 60_000

    assert is_one_sentence_that_says_what_to_do(refused(with_arrays(point_beyond, files)))


# --- inside the assistant's archive ------------------------------------------------------------------


def members(model: Path) -> Files:
    with tarfile.open(model) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers() if m.isfile()}  # type: ignore[union-attr]


def test_the_assistants_archive_holds_only_data(model: Path) -> None:
    assert {Path(name).suffix for name in members(model)} <= {".json", ".npz", ".yml"}


def test_what_we_put_into_it_is_json_and_arrays(model: Path) -> None:
    assert {Path(name).name for name in members(model) if "TopicClassifier" in name} == {JSON, ARRAYS}


def test_no_file_of_it_is_a_pickle(model: Path) -> None:
    for name, content in members(model).items():
        assert not content.startswith(b"\x80"), name
        if name.endswith(".npz"):
            with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
                assert all(loaded[part].dtype.kind in "fu" for part in loaded.files)


def test_it_names_no_class_that_opens_a_pickle(model: Path) -> None:
    nodes = json.loads(members(model)["metadata.json"])["predict_schema"]["nodes"]
    uses = {node["uses"].rsplit(".", 1)[-1] for node in nodes.values()}
    assert uses <= {
        "NLUMessageConverter", "TopicClassifier", "EntityFinder", "RegexMessageHandler", "DomainProvider", "IndexedRulePolicy",
        "RuleOnlyDataProvider", "DefaultPolicyPredictionEnsemble",
    }  # fmt: skip


def read_refused(model: Path) -> str:
    with pytest.raises(ArchiveDamaged) as refusal:
        load_reader(model)
    return str(refusal.value)


def test_an_archive_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert is_one_sentence_that_says_what_to_do(read_refused(tmp_path / "anxin.tar.gz"))


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.7, 0.999])
def test_a_truncated_archive_is_refused(model: Path, tmp_path: Path, kept: float) -> None:
    content = model.read_bytes()
    cut = tmp_path / "anxin.tar.gz"
    cut.write_bytes(content[: int(len(content) * kept)])
    assert is_one_sentence_that_says_what_to_do(read_refused(cut))


@pytest.mark.parametrize("part", range(1, 10))
@pytest.mark.parametrize("other", [b"", b"\xff" * 64, bytes(64)], ids=["a bit", "ones", "noughts"])
def test_of_an_archive_with_other_bytes_nothing_is_half_believed(
    reader: Reader, model: Path, tmp_path: Path, part: int, other: bytes
) -> None:
    # What other components stored is not read here, and may be as it likes.
    content = model.read_bytes()
    at = part * len(content) // 10
    altered = tmp_path / "anxin.tar.gz"
    altered.write_bytes(content[:at] + other + content[at + len(other) :] if other else flipped(content, at))
    said = read_or_refused(altered)
    assert said == reader.read("通知信可以關掉嗎", "hnyc") or is_one_sentence_that_says_what_to_do(str(said))


def read_or_refused(model: Path) -> Reading | ArchiveDamaged:
    try:
        return load_reader(model).read("通知信可以關掉嗎", "hnyc")
    except ArchiveDamaged as damaged:
        return damaged


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "anxin.tar.gz"
    with tarfile.open(other, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    assert is_one_sentence_that_says_what_to_do(read_refused(other))
