"""The plugin's algorithms under the sanitizers for addresses, undefined behavior and threads, against the oracle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dali_ssd.anchors import vgg_anchors
from dali_ssd.config import INTERPOLATIONS, RenderConfig
from dali_ssd.graph.targets import encode_targets
from dali_ssd.kernels.augment.color import normalization
from tests.support import oracle
from tests.support.cases import FULL_RANGE, View, random_color, random_objects, usual_views
from tests.support.sanitized_host import ALONE, Host, Lights, Team

pytestmark = pytest.mark.plugin(nvcc=False)

Floats = npt.NDArray[np.float32]
DEVICE: Team = (2, 32)
"""Of as many lanes as a device's; each turn takes 64 threads on a few cores a while."""
TEAMS: list[Team] = [ALONE, (4, 1), DEVICE]
TOLERANCE = FULL_RANGE / 255 / 100
"""A hundredth of a level."""


@pytest.fixture(scope="module", params=["memory", "threads"])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Host:
    sanitizers = {"memory": ("address", "undefined"), "threads": ("thread",)}[request.param]
    return Host(tmp_path_factory.mktemp("host"), *sanitizers)


@pytest.fixture(scope="module")
def memory_host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(tmp_path_factory.mktemp("host"), "address", "undefined")


def check_targets(host: Host, cases: list[Floats], anchors: Floats, team: Team) -> None:
    for objects, (classes, offsets) in zip(cases, host.targets(cases, anchors, team=team), strict=True):
        wanted_classes, wanted_offsets = encode_targets(objects[:, :4], objects[:, 4], anchors)
        np.testing.assert_array_equal(classes, wanted_classes)
        np.testing.assert_allclose(offsets, wanted_offsets, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("team", TEAMS, ids=str)
@pytest.mark.parametrize("size", [300, 512])
def test_targets(host: Host, size: int, team: Team) -> None:
    """Also of anchors whose number is no multiple of a block's."""
    rng = np.random.default_rng(size)
    cases = [random_objects(rng, count, size, whole=count % 2 == 0) for count in (0, 1, 2, 3, 5, 8, 21, 70)]
    check_targets(host, cases, vgg_anchors(size), team)
    check_targets(host, cases[:4], vgg_anchors(size)[:33], team)
    check_targets(host, cases[:4], vgg_anchors(size)[-1:], team)


@pytest.mark.parametrize("team", TEAMS[:2], ids=str)
def test_targets_of_thousands_of_objects(host: Host, team: Team) -> None:
    """More than there are anchors, too, all of which are then some object's own."""
    rng = np.random.default_rng(0)
    check_targets(host, [random_objects(rng, 3000, 300, whole=True)], vgg_anchors(300), team)
    check_targets(host, [random_objects(rng, 1000, 300, whole=True)], vgg_anchors(300)[::40], team)


@pytest.mark.parametrize("team", TEAMS, ids=str)
def test_equal_objects_take_one_anchor_after_the_other(host: Host, team: Team) -> None:
    box = np.array([[40, 40, 90, 100, 3]], np.float32)
    counts = (2, 40) if team == DEVICE else (2, 40, 200)
    check_targets(host, [np.repeat(box, count, axis=0) for count in counts], vgg_anchors(300), team)


def test_more_objects_than_anchors(host: Host) -> None:
    """Until the last anchor is taken, with a device's lanes as well."""
    objects = random_objects(np.random.default_rng(5), 300, 300, whole=True)
    for team in TEAMS:
        check_targets(host, [objects], vgg_anchors(300)[::200], team)


@pytest.mark.parametrize("team", TEAMS, ids=str)
def test_render(host: Host, team: Team) -> None:
    """What training shows, at sizes that tiles do not divide."""
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, shape, np.uint8) for shape in ((90, 120, 3), (33, 20, 3), (1, 1, 3), (2, 200, 3))]
    views = usual_views(rng, 20, images=images)
    for size in (1, 37) if team == DEVICE else (1, 37, 64):
        for view, image in zip(views, host.render(views, size, team=team), strict=True):
            np.testing.assert_allclose(image, view.rendered(size), atol=TOLERANCE)


def views_at_the_limit() -> list[View]:
    """Single pixels, strips as long as a JPEG's side can be, and windows that show little or nothing of the image."""
    rng = np.random.default_rng(2)
    dot, row, column = (rng.integers(0, 256, shape, np.uint8) for shape in ((1, 1, 3), (2, 65535, 3), (65535, 2, 3)))
    windows = [
        (dot, (0, 0, 1, 1)),
        (dot, (-4, -4, 1, 1)),
        (dot, (0, 0, 5, 5)),
        (dot, (7, 7, 20, 20)),  # nothing
        (dot, (-20, -3, -7, -1)),  # nothing, on the other side
        (row, (0, 0, 65535, 2)),
        (row, (65534, 1, 65535, 2)),
        (row, (-131070, -5, 131070, 9)),
        (column, (0, 0, 2, 65535)),
        (column, (0, 65530, 2, 196605)),
    ]
    color = random_color(rng)
    return [
        View(image, window, kind, mirrored, color)
        for kind in INTERPOLATIONS
        for image, window in windows
        for mirrored in (False, True)
    ]


def test_views_at_the_limit(memory_host: Host) -> None:
    """Sums of up to 50,000 float32 lose two digits more."""
    views = views_at_the_limit()
    for view, image in zip(views, memory_host.render(views, 5), strict=True):
        np.testing.assert_allclose(image, view.rendered(5), atol=10 * TOLERANCE, err_msg=f"{view.kind} {view.window}")


@pytest.mark.parametrize("kind", [kind for kind in INTERPOLATIONS if kind != "area"])
def test_a_region_of_four_billion_pixels(memory_host: Host, kind: str) -> None:
    """Offsets beyond 32 bits: each output pixel has a light of its own, about as wide as the filter."""
    side, size = 65535, 3
    values = np.arange(1, 10).reshape(size, size) * 25
    centers = [int((number + 0.5) * side / size) for number in range(size)]
    spots = [
        (centers[row] + y, centers[column] + x, values[row, column])
        for row in range(size)
        for column in range(size)
        for y in range(-4, 5)
        for x in range(-4, 5)
    ]
    color = normalization(RenderConfig())
    for mirrored in (False, True):
        lights = Lights((side, side), np.array(spots, np.int32))
        image = memory_host.render_lights(lights, size, kind, color, mirrored=mirrored)
        shown = values[:, ::-1] if mirrored else values
        wanted = (shown[..., None] * color[:, :3].sum(axis=1) + color[:, 3]).transpose(2, 0, 1)
        np.testing.assert_allclose(image, wanted, atol=TOLERANCE)


def test_the_oracle_agrees_about_a_window_beside_the_image() -> None:
    """Nothing to show is the mean color, 0."""
    view = next(view for view in views_at_the_limit() if view.window == (7, 7, 20, 20))
    np.testing.assert_array_equal(view.rendered(5), 0)
    np.testing.assert_array_equal(oracle.region_of(view.image.shape, view.window), [0, 0, 1, 1])
