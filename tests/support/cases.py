"""Images with a view of them, as hypothesis draws them for the render tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from dali_ssd.config import INTERPOLATIONS, AugmentConfig, RenderConfig
from dali_ssd.kernels.augment.color import normalization
from tests.support import oracle

FULL_RANGE = float(255 * normalization(RenderConfig())[:, :3].max())
"""How far apart the network's inputs of black and white are."""


@dataclass(frozen=True)
class View:
    """An image, a window on it, and all that a plan says besides."""

    image: npt.NDArray[np.uint8]
    window: tuple[int, int, int, int]
    kind: str
    mirrored: bool
    color: npt.NDArray[np.float64]

    @property
    def plan(self) -> npt.NDArray[np.float32]:
        return oracle.plan_of(self.window, self.mirrored, self.kind, self.color)

    @property
    def region(self) -> npt.NDArray[np.int32]:
        return oracle.region_of(self.image.shape, self.window)

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """What the decoder hands to render."""
        y, x, height, width = self.region
        return self.image[y : y + height, x : x + width]

    def rendered(self, size: int, layout: str = "NCHW") -> npt.NDArray[np.float64]:
        """What the oracle makes of it, with the color rounded to float32 as it is in a plan."""
        color = self.color.astype(np.float32).astype(np.float64)
        return oracle.render(self.image, self.window, color, self.kind, self.mirrored, size, layout)


def random_color(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A color matrix `(3, 4)` about as strong as the recipe's strongest."""
    mixed = np.eye(3) + rng.uniform(-0.5, 0.5, (3, 3))
    normalize = normalization(RenderConfig())
    return np.concatenate([normalize[:, :3] @ mixed, normalize[:, 3:] + rng.uniform(-0.5, 0.5, (3, 1))], axis=1)


@st.composite
def views(draw: st.DrawFn, *, largest: int = 70, filters: tuple[str, ...] = INTERPOLATIONS) -> View:
    """Any image of 1 to `largest` pixels a side, any window: inside, larger, beside."""
    height, width = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    x0, y0 = draw(st.integers(-largest, width + 5)), draw(st.integers(-largest, height + 5))
    window = (x0, y0, x0 + draw(st.integers(1, 3 * largest)), y0 + draw(st.integers(1, 3 * largest)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    color = random_color(rng) if draw(st.booleans()) else normalization(RenderConfig())
    return View(image, window, draw(st.sampled_from(filters)), draw(st.booleans()), color)


def usual_views(rng: np.random.Generator, count: int, *, images: list[npt.NDArray[np.uint8]]) -> list[View]:
    """`count` views such as the training plan draws them: of some of the images, half of them expanded."""
    found = []
    for number in range(count):
        image = images[number % len(images)]
        height, width = image.shape[:2]
        ratio = rng.uniform(1, 4) if number % 2 else 1.0
        canvas = (int(width * ratio), int(height * ratio))
        left, top = -rng.integers(0, canvas[0] - width + 1), -rng.integers(0, canvas[1] - height + 1)
        extent = [max(int(side * rng.uniform(*AugmentConfig().crop_scale)), 1) for side in canvas]
        x0 = int(left + rng.integers(0, canvas[0] - extent[0] + 1))
        y0 = int(top + rng.integers(0, canvas[1] - extent[1] + 1))
        kind = INTERPOLATIONS[number // 2 % len(INTERPOLATIONS)]
        window = (x0, y0, x0 + extent[0], y0 + extent[1])
        found.append(View(image, window, kind, bool(rng.integers(0, 2)), random_color(rng)))
    return found


def random_objects(rng: np.random.Generator, count: int, size: int, *, whole: bool) -> npt.NDArray[np.float32]:
    """Objects `(count, 5)` in a picture of `size` pixels; in whole numbers, so that their IoUs tie, or not."""
    corners = rng.uniform(0, size * 0.9, (count, 2))
    ends = np.minimum(corners + rng.uniform(1, size / 2, (count, 2)), size)
    boxes = np.concatenate([np.floor(corners), np.ceil(ends)] if whole else [corners, ends], axis=1)
    found: npt.NDArray[np.float32] = np.concatenate([boxes, rng.integers(0, 20, (count, 1))], axis=1).astype(np.float32)
    return found
