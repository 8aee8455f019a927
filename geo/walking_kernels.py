"""Compiled kernel of `geo.walking`: shortest ways from the gates of each green to the points around it."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def walk(
    first, incident, ends, length_m, gate_first, gate_edge, gate_along_m, gate_snap_m, limit_m,
    point_first, along_m, snap_m,
):  # fmt: skip
    """Points within walking distance of each green: green, point and distance of each pair, by green.

    Edges ``first[n]:first[n + 1]`` of `incident` meet node n; edge e runs between ``ends[e]``. Gates come by green
    (`gate_first`), points by edge (`point_first`); both stand `along_m` from the edge's first end and have walked
    `snap_m` to get there.
    """
    to_node, to_point = np.full(len(first) - 1, np.inf), np.full(len(along_m), np.inf)
    nodes, points = np.empty(len(first) - 1, np.int64), np.empty(len(along_m), np.int64)
    green, point, distance_m = np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(1024)
    total = 0
    queue = [(0.0, np.int64(0))]
    queue.pop()
    for g in range(len(limit_m)):
        limit, n_nodes, n_points = limit_m[g], 0, 0
        for k in range(gate_first[g], gate_first[g + 1]):
            e, along, walked = gate_edge[k], gate_along_m[k], gate_snap_m[k]
            for p in range(point_first[e], point_first[e + 1]):
                n_points = _offer(to_point, points, n_points, p, walked + abs(along_m[p] - along) + snap_m[p], limit)
            for end in range(2):
                there = walked + (along if end == 0 else length_m[e] - along)
                before = to_node[ends[e, end]]
                n_nodes = _offer(to_node, nodes, n_nodes, ends[e, end], there, limit)
                if to_node[ends[e, end]] < before:
                    heappush(queue, (there, ends[e, end]))
        while queue:
            walked, node = heappop(queue)
            if walked > to_node[node]:
                continue
            for k in range(first[node], first[node + 1]):
                e = incident[k]
                ahead, length = ends[e, 0] == node, length_m[e]
                for p in range(point_first[e], point_first[e + 1]):
                    there = walked + (along_m[p] if ahead else length - along_m[p]) + snap_m[p]
                    n_points = _offer(to_point, points, n_points, p, there, limit)
                    if ends[e, 0] == ends[e, 1]:  # a loop can be walked both ways round
                        there = walked + length - along_m[p] + snap_m[p]
                        n_points = _offer(to_point, points, n_points, p, there, limit)
                other = ends[e, 1] if ahead else ends[e, 0]
                before = to_node[other]
                n_nodes = _offer(to_node, nodes, n_nodes, other, walked + length, limit)
                if to_node[other] < before:
                    heappush(queue, (walked + length, other))
        while total + n_points > len(green):
            green, point = np.concatenate((green, green)), np.concatenate((point, point))
            distance_m = np.concatenate((distance_m, distance_m))
        for k in range(n_points):
            green[total], point[total], distance_m[total] = g, points[k], to_point[points[k]]
            to_point[points[k]] = np.inf
            total += 1
        for k in range(n_nodes):
            to_node[nodes[k]] = np.inf
    return green[:total], point[:total], distance_m[:total]


@njit(cache=True, nogil=True)
def _offer(best, listed, n, i, distance_m, limit_m):
    """Take a distance that is within the limit and the shortest so far; returns how many are listed as reached."""
    if distance_m > limit_m or distance_m >= best[i]:
        return n
    if best[i] == np.inf:
        listed[n] = i
        n += 1
    best[i] = distance_m
    return n
