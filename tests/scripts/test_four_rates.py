"""The examples on real models, on tiny random ones, and what is kept of their real runs."""

import re
from math import isclose
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from four_rates import Point, Training, conclusion, draw, four_rates, table, tell, train_at_four
from makers import make_result
from PIL import Image

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
PAGE = GITHUB / "real_models.md"
PRINTED = sorted((GITHUB / "real_models").glob("*.txt"))
ROW = r"^(a tenth|suggested|three times|usual default) +([\d.e-]+) +([\d.]+) +([\d.]+)%$"

each_text = pytest.mark.parametrize("path", PRINTED, ids=lambda path: path.stem)
by_the_libraries = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)


def ended(*losses):
    """Trainings that ended with these held-out losses, from a loss of 2."""
    rates = four_rates(1e-2, 1e-3).items()
    return [
        Training(name, lr, [Point(0, 2.0, 0.1), Point(50, loss, 0.75)])
        for (name, lr), loss in zip(rates, losses, strict=True)
    ]


def test_the_four_rates_are_trained_at_from_the_suggested_one_and_the_default():
    trainings = train_at_four(1e-2, 5e-5, lambda lr: [Point(0, lr, 0.0)])
    assert [(each.name, each.lr) for each in trainings] == [
        ("a tenth", 1e-3), ("suggested", 1e-2), ("three times", 3e-2), ("usual default", 5e-5),
    ]  # fmt: skip
    assert all(each.curve == [Point(0, each.lr, 0.0)] for each in trainings)


def test_the_table_has_the_rate_and_the_end_of_each_training():
    assert table(ended(0.5, 0.25, 1.5, 0.75)).splitlines()[1:] == [
        "a tenth            0.0010           0.500      75.0%",
        "suggested           0.010           0.250      75.0%",
        "three times         0.030           1.500      75.0%",
        "usual default      0.0010           0.750      75.0%",
    ]


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ((0.5, 0.25, 1.5, 0.75), ["ends 0.500 below", "It is the best of the four."]),
        ((0.25, 0.5, 1.5, 0.375), ["ends 0.125 above", "The best of the four is `a tenth`, 0.250"]),
        ((0.75, 0.5, 0.25, 1.0), ["ends 0.500 below", "is `three times`, 0.250 lower."]),
    ],
)
def test_the_conclusion_says_where_the_suggestion_ends(losses, said):
    assert all(part in conclusion(ended(*losses)) for part in said)


@pytest.mark.parametrize(("worst", "scale"), [(1.5, "linear"), (9.0, "log")])
def test_the_picture_has_four_curves_and_shows_a_training_that_blows_up(
    worst, scale, tmp_path, monkeypatch
):
    monkeypatch.setattr(plt, "close", lambda figure: None)
    trainings = ended(0.5, 0.25, worst, 0.75)
    draw(trainings, tmp_path / "four.png")
    losses, accuracies = plt.gcf().axes
    monkeypatch.undo()
    assert (tmp_path / "four.png").stat().st_size > 0
    assert losses.get_yscale() == scale
    for ax, place in ((losses, 1), (accuracies, 2)):
        assert [[*map(tuple, line.get_xydata())] for line in ax.lines] == [
            [(point[0], point[place]) for point in each.curve] for each in trainings
        ]
    plt.close()


def test_without_a_rate_nothing_is_trained(tmp_path, capsys):
    result = make_result(loss=[1.0] * 60)
    answer = result.suggest()
    assert not answer
    tell(result, answer, 1e-3, lambda lr: pytest.fail("trained"), tmp_path / "four.png")
    assert capsys.readouterr().out.strip() == str(result.summary(suggestion=answer)).strip()
    assert not [*tmp_path.iterdir()]


@pytest.fixture
def tiny_bert(tmp_path):
    """A folder with a random model of a few words and its tokenizer."""
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(tmp_path / "model")
    vocabulary = {word: number for number, word in enumerate(words)}
    transformers.BertTokenizer(vocabulary).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@by_the_libraries
@pytest.mark.slow
@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
def test_fine_tuning_starts_all_four_from_the_same_weights_and_learns(lora, tiny_bert, tmp_path):
    pytest.importorskip("peft" if lora else "transformers")
    from example_fine_tuning import AutoTokenizer, Made, encoded, range_test

    sentences = [("good film", 1), ("bad film", 0), ("film film good", 1), ("film bad", 0)] * 12
    samples = encoded(AutoTokenizer.from_pretrained(tiny_bert), sentences)
    made = Made(tiny_bert, samples, samples[:8], str(tmp_path), lora=lora, steps=30, every=15)
    trainer = made.trainer(1e-3)
    trained = {name for name, each in trainer.model.named_parameters() if each.requires_grad}
    assert all(re.search("lora|classifier", name) for name in trained) is lora
    result = range_test(trainer, num_iter=60, progress=False)
    assert result.optimizer == "AdamW"
    slow, fast = made.curve(1e-8), made.curve(3e-2)
    assert [point.step for point in slow] == [0, 15, 30]
    assert slow[0] == fast[0]
    assert isclose(slow[-1].loss, slow[0].loss, abs_tol=1e-4)
    assert fast[-1].loss < fast[0].loss - 0.1
    assert fast[-1].accuracy == 1
    assert made.curve(3e-2) == fast


@by_the_libraries
@pytest.mark.slow
def test_the_images_start_all_four_from_the_same_weights_and_are_learned():
    pytest.importorskip("timm")
    from example_lightning_images import Made, TensorDataset, range_test

    torch.manual_seed(0)
    labels = torch.arange(128) % 2
    images = torch.randn(128, 1, 28, 28) + 2 * labels[:, None, None, None]
    data = TensorDataset(images, labels)
    made = Made(data, data, network="test_resnet", steps=12, every=4)
    result = range_test(*made.parts(1e-3), num_iter=12)
    assert (result.optimizer, result.lr.size) == ("AdamW", 12)
    slow, fast = made.curve(1e-8), made.curve(1e-2)
    assert [point.step for point in fast] == [0, 4, 8, 12]
    assert slow[0] == fast[0]
    assert fast[-1].accuracy > 0.9
    assert made.curve(1e-2) == fast


@each_text
def test_what_is_kept_is_short_and_stands_on_the_page(path):
    text = path.read_text()
    lines = text.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 100
    assert f"```console\n{text}```" in PAGE.read_text()
    assert f"real_models/{path.stem}.png)" in PAGE.read_text()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no pictures in a source distribution")
@each_text
def test_the_picture_of_it_is_small(path):
    picture = path.with_suffix(".png")
    assert picture.stat().st_size < 60_000
    with Image.open(picture) as image:
        assert image.width > 500


@each_text
def test_what_is_kept_has_four_rates_and_the_conclusion_that_follows(path):
    rows = re.findall(ROW, path.read_text(), re.MULTILINE)
    rates = {name: float(lr) for name, lr, _, _ in rows}
    losses = {name: float(loss) for name, _, loss, _ in rows}
    suggested = float(re.search(r"Train at +([\d.e-]+)", path.read_text())[1])
    assert suggested == rates["suggested"]
    for name, lr in four_rates(suggested, rates["usual default"]).items():
        assert isclose(rates[name], lr, rel_tol=0.06)  # two digits
    trainings = [Training(name, lr, [Point(0, losses[name], 0.0)]) for name, lr in rates.items()]
    for said, follows in zip(
        path.read_text().splitlines()[-2:], conclusion(trainings).splitlines(), strict=True
    ):
        assert re.sub(r"0\.\d+", "", said) == re.sub(r"0\.\d+", "", follows)
        for one, other in zip(
            re.findall(r"0\.\d+", said), re.findall(r"0\.\d+", follows), strict=True
        ):
            assert isclose(float(one), float(other), abs_tol=0.0011)


def test_of_every_example_a_run_is_kept():
    assert [path.stem for path in PRINTED] == [
        "fine_tuning_full", "fine_tuning_lora", "lightning_images",
    ]  # fmt: skip
