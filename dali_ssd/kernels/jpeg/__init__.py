"""A decoder of progressive JPEGs, for the CPU: the pixels of libjpeg to the bit, of a region, in half the time.

A progressive file has every coefficient in pieces, bit by bit, in some ten passes over the whole image; libjpeg refines
them one by one, which is half of its work. Here one word per block says which coefficients are not 0, so that those to
refine are counted, not searched; of blocks that the region does not show, only that word is kept.

    file -> head --> scans --------> coefficients --> pixels
             |        |  huffman, bits  of the region   vectors
             |        +- as far down as the region
             +- an unusual file is declined, here or later, and DALI decodes it

Files are declined if they are not progressive, damaged above the region's lower end, or of a rare kind: see `head`.
"""
