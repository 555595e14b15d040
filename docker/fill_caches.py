#!/usr/bin/env python3
"""Compile all kernels into Numba's cache and list the fonts into matplotlib's, so that no run has to wait for it."""

import matplotlib.font_manager  # noqa: F401

from dali_ssd.graph.jpeg import decode_kernel, output_shape_kernel
from dali_ssd.graph.placement import choice_kernel, placement_kernel
from dali_ssd.graph.plan import training_kernel, validation_kernel
from dali_ssd.graph.render import render_kernel
from dali_ssd.graph.targets import target_kernel

KERNELS = (
    *(training_kernel, validation_kernel, output_shape_kernel, decode_kernel, render_kernel, target_kernel),
    *(placement_kernel, choice_kernel),
)
for kernel in KERNELS:
    kernel()
