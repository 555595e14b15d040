"""A decoder of progressive JPEGs, for the CPU: the pixels of libjpeg to the bit, of a region, in half the time.

A progressive file sends every coefficient in pieces, bit by bit, in some ten passes over the whole image; libjpeg
refines them one by one, which is half of what it does. Here a word a block says which coefficients are not 0, so the
ones to refine are counted and not looked for; of blocks that the region does not show, only that word is kept.

    file -> head --> scans --------> coefficients --> pixels
             |        |  huffman, bits  of the region   vectors
             |        +- as far down as the region
             +- what is not as usual is declined, here or later, and DALI decodes it

Declined are files that are not progressive, or damaged as far down as the region goes, and the rare kinds: see `head`.
"""
