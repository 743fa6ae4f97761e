"""The hot loops of comparing deliveries: 64-bit fingerprints of values, and matching records by identity.

Bytes by FNV-1a (Fowler, Noll, Vo), mixed at the end as MurmurHash3 mixes (Appleby 2011).
"""

from __future__ import annotations

from typing import Any

import numba

from layers.kernels.compiled import compiled

SAME, ALONE = -2, -1

_inline = compiled(inline="always")
_compiled = compiled()


@_inline
def mixed(number: Any) -> Any:
    """Every bit of a number spread over all."""
    number ^= number >> numba.uint64(33)
    number *= numba.uint64(0xFF51AFD7ED558CCD)
    number ^= number >> numba.uint64(33)
    number *= numba.uint64(0xC4CEB9FE1A85EC53)
    return number ^ (number >> numba.uint64(33))


@_compiled
def print_bytes(offsets: Any, content: Any, seed: Any, out: Any) -> None:
    """Fingerprints of byte strings that lie one behind the other."""
    for index in range(len(out)):
        number = numba.uint64(0xCBF29CE484222325) ^ seed
        for place in range(offsets[index], offsets[index + 1]):
            number = (number ^ numba.uint64(content[place])) * numba.uint64(0x100000001B3)
        out[index] = mixed(number ^ numba.uint64(offsets[index + 1] - offsets[index]))


@_compiled
def blend(total: Any, more: Any, seed: Any) -> None:
    """Fingerprints of records, with one column more; the place of the column is in the seed."""
    for index in range(len(total)):
        total[index] = mixed(total[index] * numba.uint64(0x9E3779B97F4A7C15) + mixed(more[index] ^ seed))


@_compiled
def match(old: Any, old_content: Any, new: Any, new_content: Any, old_partner: Any, new_partner: Any) -> None:
    """Find for each record the one of the other side: `SAME`, `ALONE`, or the place of a changed one.

    `old` and `new` have two columns, the identity; all is in the order of identity and content. Of several records
    with one identity those with the same content belong together, the others in their order.
    """
    left, right = 0, 0
    while left < len(old) or right < len(new):
        if right == len(new) or (left < len(old) and _before(old, left, new, right)):
            old_partner[left] = ALONE
            left += 1
        elif left == len(old) or _before(new, right, old, left):
            new_partner[right] = ALONE
            right += 1
        else:
            last_left, last_right = _after(old, left), _after(new, right)
            _same(old_content, new_content, left, last_left, right, last_right, old_partner, new_partner)
            _pair(left, last_left, right, last_right, old_partner, new_partner)
            left, right = last_left, last_right


@_inline
def _before(one: Any, at: Any, other: Any, there: Any) -> Any:
    return one[at, 0] < other[there, 0] or (one[at, 0] == other[there, 0] and one[at, 1] < other[there, 1])


@_inline
def _after(identity: Any, at: Any) -> Any:
    """Where the next identity begins."""
    end = at + 1
    while end < len(identity) and identity[end, 0] == identity[at, 0] and identity[end, 1] == identity[at, 1]:
        end += 1
    return end


@_compiled
def _same(
    old: Any, new: Any, left: Any, last_left: Any, right: Any, last_right: Any, old_partner: Any, new_partner: Any
) -> None:
    """Mark equal contents of one identity; all others are alone for now."""
    old_partner[left:last_left] = ALONE
    new_partner[right:last_right] = ALONE
    while left < last_left and right < last_right:
        if old[left] < new[right]:
            left += 1
        elif new[right] < old[left]:
            right += 1
        else:
            old_partner[left] = SAME
            new_partner[right] = SAME
            left += 1
            right += 1


@_compiled
def _pair(left: Any, last_left: Any, right: Any, last_right: Any, old_partner: Any, new_partner: Any) -> None:
    """Those of one identity that are alone on both sides, in their order."""
    while True:
        while left < last_left and old_partner[left] == SAME:
            left += 1
        while right < last_right and new_partner[right] == SAME:
            right += 1
        if left == last_left or right == last_right:
            return
        old_partner[left] = right
        new_partner[right] = left
        left += 1
        right += 1
