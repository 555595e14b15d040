"""Each piece of advice is given for data that needs it, with its numbers, and not for data that does not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dali_ssd.config import InputConfig
from dali_ssd.inspection.advising.advice import TOPICS, advise
from dali_ssd.inspection.advising.grounds import Grounds
from dali_ssd.inspection.examine import examine
from dali_ssd.inspection.numbers import spread
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.report import Advice, Alternative, DecodeCost, FindingFacts, Milder, ShardFacts, Timed
from dali_ssd.loader.recipes import asked_recipe
from dali_ssd.records.lint.findings import KINDS
from dali_ssd.records.options import ReshardConfig
from tests.support.commands import parsed
from tests.support.inspection import contents_of
from tests.support.records import encoded
from tests.support.shards import write as write_shards

NOW = Alternative(("vgg16_atrous",), 300, 8732, 0.9, 0.8, 0.85)
BETTER = replace(NOW, before=0.99, after=0.95, class_mean=0.97, sizes=(10, 20), ratios=((1.0, 2.0, 1 / 3),))
MILDER = Milder((1.0, 2.0), 1, 60, 0.95, 0.97)
Change = Callable[[Grounds], Grounds]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Grounds:
    """Grounds for no advice: 60 different images, each with a square of either class."""
    from dali_ssd.records.format.labels import build_label

    images = [encoded(size=(320 + number, 240)) for number in range(60)]
    box = [[0.2, 0.2, 0.6, 0.7]]
    (shard,) = write_shards(
        tmp_path_factory.mktemp("plain"), [(build_label(box, [number % 2]), one) for number, one in enumerate(images)]
    )
    config = InspectConfig((str(shard),), classes="a,b", views=1)
    report = replace(examine(config).report, advice=(), fitted=None, alternatives=(), milder=None)
    return Grounds(config, report, contents_of(shard), NOW, 0)


def changed(**changes: Any) -> Change:
    return lambda grounds: replace(grounds, report=replace(grounds.report, **changes))


def of_boxes(**changes: Any) -> Change:
    return lambda grounds: changed(boxes=replace(grounds.report.boxes, **changes))(grounds)


def of_images(**changes: Any) -> Change:
    return lambda grounds: changed(images=replace(grounds.report.images, **changes))(grounds)


def with_anchors(grounds: Grounds) -> Grounds:
    return changed(fitted=BETTER, sample=replace(grounds.report.sample, objects=500))(grounds)


def with_classes(*counts: int) -> Change:
    def change(grounds: Grounds) -> Grounds:
        one = grounds.report.classes[0]
        return changed(classes=tuple(replace(one, name=f"c{n}", objects=n) for n in counts))(grounds)

    return change


def with_large_images(grounds: Grounds) -> Grounds:
    contents = replace(grounds.contents, sizes=grounds.contents.sizes * 10)
    return replace(changed(cost=DecodeCost((), 0.0, 10.0, 80.0))(grounds), contents=contents)


def with_progressive(grounds: Grounds) -> Grounds:
    cost = DecodeCost((Timed(1, 20.0, True, 8.0), Timed(1, 22.0, True, 10.0)), 0, 20, 20)
    return of_images(progressive=0.5)(changed(cost=cost)(grounds))


def with_repeats(grounds: Grounds) -> Grounds:
    return replace(grounds, contents=replace(grounds.contents, checksums=grounds.contents.checksums * 0,
                                             image_bytes=grounds.contents.image_bytes * 0))  # fmt: skip


def with_order(grounds: Grounds) -> Grounds:
    contents = grounds.contents
    repeated = replace(
        contents,
        numbers=np.arange(6000),
        objects=np.repeat(contents.objects[:2], 3000, axis=0),
        starts=np.arange(6001),
        checksums=np.arange(6000),
        image_bytes=np.arange(6000),
        sizes=np.repeat(contents.sizes[:1], 6000, axis=0),
    )
    return replace(changed(records=6000)(grounds), contents=repeated)


def with_shards(*sizes: int, gpus: int = 1) -> Change:
    shards = tuple(ShardFacts(f"{number}.rec", size, 10) for number, size in enumerate(sizes))
    return lambda grounds: replace(changed(shards=shards)(grounds), config=replace(grounds.config, gpus=gpus))


def of_errors(**counts: int) -> Change:
    """Errors of kinds; the names have `_` for `-`."""
    findings = tuple(
        FindingFacts(kind, KINDS[kind].severity, count, KINDS[kind].title, KINDS[kind].advice, ())
        for kind, count in ((name.replace("_", "-"), count) for name, count in counts.items())
    )
    return changed(bad=3, unreadable=1, findings=findings)


CASES: dict[str, tuple[Change, str]] = {
    "Damage": (of_errors(undecodable_image=2, unreadable=1), "3 records with errors and 1 shard that cannot be read"),
    "Anchor sizes": (with_anchors, "cover 90.0% of the objects as stored, and 80.0% in augmented views"),
    "Larger input": (
        changed(alternatives=(NOW, replace(BETTER, data_shape=512, sizes=(), ratios=()))),
        "at 512 px covers 99.0% of the objects as stored and 95.0% in augmented views",
    ),
    "Shrinking augmentation": (changed(milder=MILDER), "up to 4 times its side"),
    "Tiny objects": (
        of_boxes(side=spread([5.0]), points=((4.0, 4.0, False), (90.0, 90.0, True))),
        "50.0% of the objects",
    ),
    "Classes without objects": (with_classes(0, 100), "1 class of 2 without an object: c0"),
    "Class imbalance": (with_classes(10, 1000), "100 times fewer. Hardly enough to learn from: c10 (10)"),
    "Difficult objects": (of_boxes(difficult=30), "30 of 60 objects (50.0%)"),
    "Overlapping boxes": (lambda grounds: replace(grounds, duplicates=4), "4 pairs of boxes with an IoU of 0.9"),
    "Records without objects": (of_boxes(empty=40), "40 of 60 records have no object"),
    "Repeated images": (with_repeats, "59 of 60 records"),
    "Large images": (with_large_images, "the network gets 300 px. Decoding takes 80.00 ms"),
    "Progressive JPEGs": (with_progressive, "50.0% of the images are progressive JPEGs"),
    "Records in order": (with_order, "the same main class in 100.0% of the cases; by chance it would be 50.0%"),
    "Large shards": (with_shards(9 << 30), "1 shard for 9.7 GB"),
    "Small shards": (with_shards(*[1 << 20] * 100), "100 shards of 1.0 MB in the mean"),
    "Uneven shards": (with_shards(1 << 20, 1 << 24), "The largest shard has 16.8 MB, the smallest 1.0 MB"),
    "Few records per GPU": (with_shards(1 << 24, gpus=4), "60 records for 4 GPUs are 15 each, 0.5 batches of 32"),
}


def test_there_is_nothing_to_say_on_good_data(plain: Grounds) -> None:
    assert advise(plain) == ()


def test_every_topic_has_a_case() -> None:
    assert tuple(CASES) == TOPICS


@pytest.mark.parametrize("topic", CASES)
def test_advice_is_given_with_its_numbers(plain: Grounds, topic: str) -> None:
    change, words = CASES[topic]
    (found,) = [one for one in advise(change(plain)) if one.topic == topic]
    assert words in found.seen
    assert found.costs and found.do
    assert not any("nan" in text for text in (found.seen, found.costs, found.do, found.command))


def command_of(plain: Grounds, topic: str) -> Advice:
    (found,) = [one for one in advise(CASES[topic][0](plain)) if one.topic == topic]
    return found


def test_what_smaller_images_save_is_what_the_line_says(plain: Grounds) -> None:
    """Images of 3200 x 2400 become 800 x 600: a sixteenth of the pixels, at 10 ms per megapixel."""
    found = command_of(plain, "Large images")
    sizes = plain.contents.sizes * 10
    scale = 600 / sizes.min(axis=1)
    after = float((10 * sizes.prod(axis=1) * scale**2 / 1e6).mean())
    assert f"about {after:.2f} ms would do" in found.costs and f"{1 - after / 80:.1%} of the decoding" in found.costs


def test_commands_name_what_is_to_be_done(plain: Grounds) -> None:
    assert command_of(plain, "Anchor sizes").command == "sizes=[10, 20],\nratios=[[1, 2, 1 / 3]],"
    assert "--network vgg16_atrous --data-shape 512 " in command_of(plain, "Larger input").command
    assert "9 shards of about 1.1 GB" in command_of(plain, "Large shards").do
    assert "21.00 ms of a core" in command_of(plain, "Progressive JPEGs").costs


MANY = tuple(f"data/{name}.rec" for name in ("a b", "c", "d", "e", "f"))
OPTIONS: dict[str, dict[str, Any]] = {
    "many shards": {"shards": MANY},
    "a pattern": {"shards": ("my data/*.rec",)},
    "names": {"classes": "a person,b"},
    "a unit": {"coordinates": "pixel"},
    "a recipe": {"input": InputConfig("ssd300")},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_commands_can_be_typed_as_they_are(plain: Grounds, name: str) -> None:
    config = replace(plain.config, **OPTIONS[name])
    typed = set()
    for change, _ in CASES.values():
        for advice in advise(change(replace(plain, config=config))):
            if advice.command.startswith("dali-ssd "):
                options = parsed(advice.command)
                typed.add(advice.topic)
                if isinstance(options, ReshardConfig):
                    assert (options.src, options.classes) == (config.shards, config.classes)
                    assert options.shuffle and not options.overwrite
                    continue
                larger = advice.topic == "Larger input"
                shards, unit = (options.train, options.records) if larger else (options.shards, options)
                assert (shards, options.classes) == (config.shards, config.classes)
                assert unit.coordinates == config.coordinates
    assert typed == {"Damage", "Larger input", "Records in order", "Large shards", "Small shards", "Uneven shards"}


@pytest.mark.parametrize(
    ("sizes", "gpus", "wanted"),
    [
        ((9 << 30,), 1, 9),
        ((9 << 30, 9 << 30), 1, 18),
        ((1 << 20,) * 100, 1, 1),
        ((1 << 20,) * 100, 4, 4),
        ((1 << 20, 1 << 24), 1, 2),
        ((1 << 20, 1 << 24), 4, 4),
        ((90 << 30, 1 << 20), 1, 60),  # there are no more records
    ],
)
def test_all_advice_on_shards_is_one_command(plain: Grounds, sizes: tuple[int, ...], gpus: int, wanted: int) -> None:
    found = [parsed(one.command) for one in advise(with_shards(*sizes, gpus=gpus)(plain)) if "reshard" in one.command]
    assert found and {options.shards for options in found} == {wanted}


def test_a_shuffle_keeps_the_number_of_shards(plain: Grounds) -> None:
    grounds = with_shards(1 << 28, 1 << 28, 1 << 28)(plain)
    [found] = [one for one in advise(with_order(grounds)) if one.topic == "Records in order"]
    options = parsed(found.command)
    assert (options.shards, options.shuffle) == (3, True)


def test_the_milder_recipe_is_the_one_that_was_inspected(plain: Grounds) -> None:
    pytest.importorskip("nvidia.dali")
    for given in (InputConfig(), InputConfig("ssd512"), InputConfig(data_shape=128)):
        grounds = replace(plain, config=replace(plain.config, input=given))
        module: dict[str, Any] = {}
        exec(command_of(grounds, "Shrinking augmentation").command, module)
        asked = asked_recipe(given)
        assert module["recipe"] == replace(asked, augment=replace(asked.augment, expand_ratio=(1, 2)))


def test_missing_names_are_given_and_their_objects_not_dropped(plain: Grounds) -> None:
    (found,) = advise(of_errors(unknown_class=9, undecodable_image=2)(plain))
    assert "give all class names" in found.do and not found.command and "--fix" not in found.do
    (found,) = advise(of_errors(unknown_class=2, undecodable_image=9)(plain))
    assert KINDS["undecodable-image"].title in found.do and found.command.endswith("--fix clean")
    (found,) = advise(of_errors(unreadable=9)(plain))
    assert KINDS["unreadable"].advice in found.do and "--fix" not in found.command


def test_images_of_one_size_give_no_more_than_a_bound(plain: Grounds) -> None:
    grounds = with_large_images(plain)
    grounds = changed(cost=DecodeCost((), math.nan, math.nan, 80.0))(grounds)
    (found,) = [one for one in advise(grounds) if one.topic == "Large images"]
    sizes = grounds.contents.sizes
    share = float((sizes.prod(axis=1) * (600 / sizes.min(axis=1)) ** 2).sum() / sizes.prod(axis=1).sum())
    assert f"At most {1 - share:.1%} of the decoding: no less than {80 * share:.2f} ms" in found.costs


def test_urgent_advice_comes_first(plain: Grounds) -> None:
    found = advise(of_errors(undecodable_image=2)(with_order(of_boxes(difficult=30)(plain))))
    assert [one.urgent for one in found] == sorted((one.urgent for one in found), reverse=True)
