"""From words to a topic: one spelling for one meaning, the same model from the same data, and safe to open."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rasa.core.agent import Agent
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.importers.importer import TrainingDataImporter
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.model_selection import StratifiedKFold

from bot.content.institutions import load_institutions
from bot.content.topics import load_topics
from bot.engine.importer import FALLBACK_INTENT
from bot.engine.understanding.classifier import RANKED, TopicClassifier
from bot.engine.understanding.decision import ELSEWHERE_FACTOR, WORTH_ASKING, decide, offered_by, weighed
from bot.engine.understanding.features import VIEWS, Vocabulary
from bot.engine.understanding.model import LinearModel, _fit, _matrix
from bot.engine.understanding.normaliser import normalise

FLOOR = 0.85
FOLDS = 5
SEED = 20261120
SOME_TOPICS = ("notice_opt_out", "otp_validity", "phone_lost", "hotline")


@pytest.fixture(scope="module")
def examples() -> tuple[list[str], list[str]]:
    """Texts and intents of four topics: enough to learn from, and quick."""
    topics = load_topics()
    pairs = [(example, id_) for id_ in SOME_TOPICS for example in topics[id_].all_examples]
    return [text for text, _ in pairs], [intent for _, intent in pairs]


@pytest.fixture(scope="module")
def small(examples: tuple[list[str], list[str]]) -> LinearModel:
    return LinearModel.train(*examples)


# --- normaliser -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("通知信可以關掉嗎", "通知信可以关掉吗"),
        ("簡訊驗證碼過期了", "短信验证码过期了"),
        ("憑證", "证书"),
        ("帳戶鎖住了", "账户锁住了"),
        ("電子郵件", "邮件"),
        ("登入", "登录"),
        ("行動電話", "手機"),
        ("網路", "网络"),
        ("戶口", "賬戶"),
        ("解鎖", "解凍"),
    ],
)
def test_traditional_and_simplified_words_for_one_thing_are_one(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("cantonese", "written"),
    [
        ("點樣解鎖呀唔該", "怎么解锁呀请"),
        ("邊度改電話嘅", "哪里改电话的"),
        ("幾時先得咗", "什么时候先得了"),
        ("收唔到短訊", "收不到短信"),
        ("冇收到嘅電郵", "没有收到的邮件"),
        ("佢哋係咪騙我", "他们是咪骗我"),
    ],
)
def test_cantonese_reads_as_written_chinese(cantonese: str, written: str) -> None:
    assert normalise(cantonese) == written


def test_a_message_without_cantonese_keeps_a_character_that_means_something_else_there() -> None:
    # 點 is "how" in Cantonese, and a point or a click everywhere else.
    assert normalise("九點") == "九点"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＯＴＰ", "otp"),
        ("ＡＢＣ１２３", "abc123"),
        ("Ｈｅｌｌｏ", "hello"),
        ("通知信\u200b可以\ufeff關掉\u00ad嗎", "通知信可以關掉嗎"),
        ("通知信  可以\n關掉", "通知信 可以 關掉"),
        ("OTP codes", "otp codes"),
        ("救命啊啊啊啊啊啊啊啊", "救命啊啊啊"),
        ("❤\ufe0f救命", "❤救命"),
    ],
)
def test_width_case_and_invisible_characters_make_no_difference(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


def test_emoji_leave_no_trace() -> None:
    assert normalise("😡通知信🙏關掉👍") == normalise("通知信 關掉")


@pytest.mark.parametrize(("typed", "meant"), [("好ㄌㄇ", "好了吗"), ("我ㄉ密碼", "我的密码"), ("走ㄅ", "走吧")])
def test_bopomofo_typed_for_a_word_is_that_word(typed: str, meant: str) -> None:
    assert normalise(typed) == meant


def test_an_english_word_of_the_field_is_the_chinese_one_only_as_a_whole_word() -> None:
    assert normalise("my otp") == "my 验证码"
    assert normalise("passwords") == "密码"
    assert normalise("adoptpwx") == "adoptpwx"


@pytest.mark.parametrize("text", ["", " ", "\u200b", "🙂", "\x00", "？？", "\ue000", "a" * 5000, "字" * 5000])
def test_anything_can_be_normalised(text: str) -> None:
    assert isinstance(normalise(text), str)


def test_normalising_again_changes_nothing() -> None:
    for topic in load_topics().values():
        for example in topic.examples["en"]:
            assert normalise(normalise(example)) == normalise(example)


# --- vocabulary and model -------------------------------------------------------------------------------------------


def saved(model: LinearModel, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    model.save(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_same_examples_make_the_same_bytes(
    examples: tuple[list[str], list[str]], small: LinearModel, tmp_path: Path
) -> None:
    assert saved(LinearModel.train(*examples), tmp_path / "again") == saved(small, tmp_path / "first")


def test_the_vocabulary_does_not_depend_on_the_order_of_the_examples(examples: tuple[list[str], list[str]]) -> None:
    texts = [normalise(text) for text in examples[0]]
    forwards, backwards = Vocabulary.fit(texts), Vocabulary.fit(texts[::-1])
    assert forwards.columns == backwards.columns
    assert np.array_equal(forwards.idf, backwards.idf)


def test_every_view_has_columns_of_its_own(examples: tuple[list[str], list[str]]) -> None:
    vocabulary = Vocabulary.fit([normalise(text) for text in examples[0]])
    columns = [column for view in VIEWS for column in vocabulary.columns[view].values()]
    assert sorted(columns) == list(range(len(vocabulary)))


def test_words_that_training_never_saw_have_no_features(examples: tuple[list[str], list[str]]) -> None:
    columns, values = Vocabulary.fit([normalise(text) for text in examples[0]]).vector("qqqq zzzz")
    assert (len(columns), len(values)) == (0, 0)


def test_a_homophone_typo_shares_features_with_what_was_meant() -> None:
    vocabulary = Vocabulary.fit(["验证码过期"])
    columns, _ = vocabulary.vector(normalise("驗正碼"))
    assert {gram for gram, column in vocabulary.columns["pinyin"].items() if column in columns} >= {"yan zheng ma"}


def test_probabilities_add_up_to_one(small: LinearModel) -> None:
    for text in ("通知信可以關掉嗎", "", "qqqq", "🙂", "字" * 2000):
        probabilities = small.probabilities(text)
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert (probabilities >= 0).all()


def test_a_saved_model_says_the_same_when_loaded(
    examples: tuple[list[str], list[str]], small: LinearModel, tmp_path: Path
) -> None:
    small.save(tmp_path)
    loaded = LinearModel.load(tmp_path)
    assert loaded.intents == small.intents
    for text in examples[0]:
        assert np.array_equal(loaded.probabilities(text), small.probabilities(text))


def test_two_intents_are_enough(tmp_path: Path) -> None:
    model = LinearModel.train(["甲一", "甲二", "乙三", "乙四"], ["a", "a", "b", "b"])
    model.save(tmp_path)
    assert LinearModel.load(tmp_path).probabilities("甲一").argmax() == 0


def _cut_intents(described: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    described["intents"] = described["intents"][:-1]  # type: ignore[index]


def _cut_vocabulary(described: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    described["vocabulary"]["word"].pop()  # type: ignore[index]


def _cut_weights(described: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    arrays["weights"] = arrays["weights"][:-1]


def _cut_columns(described: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    arrays["weights"] = arrays["weights"][:, :-1]


def _cut_bias(described: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    arrays["bias"] = arrays["bias"][:-1]


def _cut_idf(described: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    arrays["idf"] = arrays["idf"][:-1]


@pytest.mark.parametrize("cut", [_cut_intents, _cut_vocabulary, _cut_weights, _cut_columns, _cut_bias, _cut_idf])
def test_parts_of_different_models_are_refused_with_a_sentence(small: LinearModel, tmp_path: Path, cut: object) -> None:
    small.save(tmp_path)
    described = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    with np.load(tmp_path / "weights.npz") as stored:
        arrays = dict(stored)
    cut(described, arrays)  # type: ignore[operator]
    (tmp_path / "model.json").write_text(json.dumps(described), encoding="utf-8")
    np.savez(tmp_path / "weights.npz", **arrays)
    with pytest.raises(ValueError, match=r"do not fit each other\. Train again"):
        LinearModel.load(tmp_path)


def test_a_model_with_a_pickle_inside_is_not_opened(small: LinearModel, tmp_path: Path) -> None:
    small.save(tmp_path)
    with np.load(tmp_path / "weights.npz") as stored:
        arrays = dict(stored)
    arrays["bias"] = np.asarray([{"a": 1}], dtype=object)
    np.savez(tmp_path / "weights.npz", **arrays)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        LinearModel.load(tmp_path)


# --- the archive ----------------------------------------------------------------------------------------------------


def archived(model: Path) -> dict[str, bytes]:
    with tarfile.open(model) as archive:
        files = [member for member in archive.getmembers() if member.isfile()]
        return {member.name: archive.extractfile(member).read() for member in files}  # type: ignore[union-attr]


def test_the_archive_holds_only_data(model: Path) -> None:
    kinds = {Path(name).suffix for name in archived(model)}
    assert kinds <= {".json", ".npz", ".yml"}


def test_what_we_put_into_the_archive_is_json_and_arrays(model: Path) -> None:
    ours = {Path(name).name for name in archived(model) if "TopicClassifier" in name}
    assert ours == {"model.json", "weights.npz"}


def test_no_file_of_the_archive_is_a_pickle(model: Path) -> None:
    for name, content in archived(model).items():
        assert not content.startswith(b"\x80"), name
        if name.endswith(".npz"):
            with zipfile.ZipFile(io.BytesIO(content)) as arrays:
                assert all(part.endswith(".npy") for part in arrays.namelist())
            with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
                assert all(loaded[part].dtype.kind == "f" for part in loaded.files)


def test_the_archive_names_no_class_that_opens_a_pickle(model: Path) -> None:
    nodes = json.loads(archived(model)["metadata.json"])["predict_schema"]["nodes"]
    uses = {node["uses"].rsplit(".", 1)[-1] for node in nodes.values()}
    assert uses <= {
        "NLUMessageConverter", "TopicClassifier", "RegexMessageHandler", "DomainProvider", "RulePolicy",
        "RuleOnlyDataProvider", "DefaultPolicyPredictionEnsemble",
    }  # fmt: skip


# --- the component --------------------------------------------------------------------------------------------------


def component(folder: Path, texts: Sequence[str], intents: Sequence[str]) -> tuple[TopicClassifier, TopicClassifier]:
    """Return the component as trained, and as loaded from what it stored."""
    storage, resource = LocalModelStorage(folder), Resource("classifier")
    context = ExecutionContext(GraphSchema({}), "test")
    config = {**TopicClassifier.get_default_config()}
    trained = TopicClassifier.create(config, storage, resource, context)
    trained.train(TrainingData([Message.build(text, intent) for text, intent in zip(texts, intents, strict=True)]))
    return trained, TopicClassifier.load(config, storage, resource, context)


def test_a_loaded_component_ranks_as_the_trained_one(examples: tuple[list[str], list[str]], tmp_path: Path) -> None:
    for text in ("通知信可以關掉嗎", "驗證碼多久有效"):
        rankings = []
        for classifier in component(tmp_path, *examples):
            (message,) = classifier.process([Message.build(text)])
            rankings.append(message.get("intent_ranking"))
        assert rankings[0] == rankings[1]


def test_below_the_threshold_a_message_is_not_understood_but_still_ranked(
    examples: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    _, classifier = component(tmp_path, *examples)
    classifier._threshold = 1.1
    (message,) = classifier.process([Message.build("通知信可以關掉嗎")])
    assert message.get("intent")["name"] == FALLBACK_INTENT
    assert message.get("intent_ranking")[0]["name"] == "notice_opt_out"


def test_the_institution_comes_from_the_message(examples: tuple[list[str], list[str]], tmp_path: Path) -> None:
    _, classifier = component(tmp_path, *examples)
    confidence = {}
    for institution in ("hnyc", "icbca"):
        text = Message({"text": "不想再收到信", "metadata": {"institution": institution}})
        (message,) = classifier.process([text])
        confidence[institution] = {c["name"]: c["confidence"] for c in message.get("intent_ranking")}["notice_opt_out"]
    assert confidence["icbca"] < confidence["hnyc"]


def test_the_ranking_is_short_and_falls(agent: Agent) -> None:
    ranking = asyncio.run(agent.parse_message("通知信可以關掉嗎"))["intent_ranking"]
    confidences = [candidate["confidence"] for candidate in ranking]
    assert len(ranking) == RANKED
    assert confidences == sorted(confidences, reverse=True)


# --- institution and decision ---------------------------------------------------------------------------------------


def test_what_another_institution_offers_counts_a_fifth() -> None:
    even = np.asarray([0.5, 0.5])
    here, there = weighed(even, ["notice_opt_out", "two_factor_what"], "hnyc")
    assert there / here == pytest.approx(ELSEWHERE_FACTOR)


def test_weighed_probabilities_add_up_to_one() -> None:
    intents = sorted(offered_by())
    for institution in load_institutions():
        assert weighed(np.full(len(intents), 1 / len(intents)), intents, institution).sum() == pytest.approx(1)


def test_what_everybody_has_counts_the_same_everywhere() -> None:
    even = np.asarray([0.25, 0.75])
    for institution in load_institutions():
        assert weighed(even, ["greet", "hotline"], institution).tolist() == even.tolist()


def test_a_clear_question_of_another_institution_is_still_recognised() -> None:
    assert weighed(np.asarray([0.02, 0.98]), ["notice_opt_out", "two_factor_what"], "hnyc").argmax() == 1


def test_every_topic_and_flow_says_who_has_it() -> None:
    institutions = set(load_institutions())
    assert set(load_topics()) <= set(offered_by())
    assert all(has and has <= institutions for has in offered_by().values())


@pytest.mark.parametrize(
    ("best", "decision"),
    [
        (1.0, "answer"),
        (0.4, "answer"),
        (0.3999999, "clarify"),
        (WORTH_ASKING, "clarify"),
        (WORTH_ASKING - 0.0000001, "handover"),
        (0.0, "handover"),
    ],
)
def test_the_borders_between_answer_clarify_and_handover(best: float, decision: str) -> None:
    assert decide(best, 0.4) == decision


# --- how well -------------------------------------------------------------------------------------------------------


def test_topics_are_recognised_in_examples_that_training_did_not_see(
    importer: TrainingDataImporter, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [(example.get("text"), example.get("intent")) for example in importer.get_nlu_data().intent_examples]
    intents = sorted({intent for _, intent in pairs})
    texts = [normalise(text) for text, _ in pairs]
    labels = np.asarray([intents.index(intent) for _, intent in pairs])
    topics = load_topics()
    right = asked = 0
    for known, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(texts, labels):
        vocabulary = Vocabulary.fit([texts[i] for i in known])
        weights, bias = _fit(_matrix(vocabulary, [texts[i] for i in known]), labels[known], len(intents))
        held_out = [i for i in held_out if intents[labels[i]] in topics]
        scores = _matrix(vocabulary, [texts[i] for i in held_out]) @ weights + bias
        right += int((scores.argmax(axis=1) == labels[held_out]).sum())
        asked += len(held_out)
    with capsys.disabled():
        print(f"\n{FOLDS}-fold top-1 on {asked} examples of {len(topics)} topics: {right / asked:.3f}")
    assert right / asked >= FLOOR
