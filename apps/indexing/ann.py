"""The SQL that Django cannot say: partitions, HNSW graphs and how a search scans them.

Each index has a LIST partition of its own, so that dropping it is a DROP and its graph is its own.
The column is a halfvec without dimension (or, of an index that wants 32-bit numbers, a vector); the
graph stands on a cast to the index's dimension. Where that is more than pgvector's graphs take, it stands
on the signs of the numbers, one bit each: the nearest by bits are then put in order by the stored halfvecs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from pgvector import HalfVector, Vector
from pgvector.psycopg import register_vector

if TYPE_CHECKING:
    from apps.indexing.models import VectorIndex

# ef_search with relaxed_order at which 10 % filters still reach recall@10 of 0.98 on 100,000 rows of 384 dimensions.
EF_SEARCH = 100
# Among 20,000 vectors of 2,560 dimensions that finds 0.95 of the ten nearest and 0.90 through a filter; this 0.98 and 0.96.
EF_SEARCH_OF_LARGE, LARGE = 200, 1_024
# The most dimensions of 16-bit and of 32-bit numbers that pgvector's HNSW takes.
LARGEST_HALFVEC_GRAPH, LARGEST_VECTOR_GRAPH = 4_000, 2_000
# What a graph keeps of each number, by precision.
BYTES = {"halfvec": 2.0, "vector": 4.0, "binary": 0.125}
# Bytes that a vector's neighbours and its node take while the graph is built in memory.
_NEIGHBOUR_BYTES, _NODE_BYTES, _SPARE = 48, 250, 1.15
_LEAST_BUILD_MB = 64
# Nearest by bits, of which the nearest by halfvec are taken: measured by `manage.py bench vectors`.
CANDIDATES_BY_SIGNS = 400
# Column, its type, and what a row of it is written with; the other column is for 32-bit numbers.
_HALF = ("embedding", "halfvec", HalfVector)


def partition_name(index_id: int) -> str:
    return f"indexing_passagevector_{int(index_id)}"


def hnsw_name(index_id: int) -> str:
    return f"{partition_name(index_id)}_hnsw"


def suitable_precision(dim: int) -> str:
    """Return the precision for vectors of `dim` numbers: graphs over more than 4,000 stand on their signs."""
    return "halfvec" if dim <= LARGEST_HALFVEC_GRAPH else "binary"


def suitable_ef_search(dim: int) -> int:
    """Return the ef_search of an index until its certificate says that another would do."""
    return EF_SEARCH if dim <= LARGE else EF_SEARCH_OF_LARGE


def create_partition(index: VectorIndex) -> None:
    """Make the place for the vectors of `index`."""
    name = partition_name(index.pk)
    # Attached, not CREATE ... PARTITION OF: that would shut searches out until the transaction ends.
    _execute(f"CREATE TABLE {name} (LIKE indexing_passagevector INCLUDING ALL)")
    _execute(f"ALTER TABLE indexing_passagevector ATTACH PARTITION {name} FOR VALUES IN ({int(index.pk)})")


def drop_partition(index_id: int, *, patience_ms: int = 0) -> None:
    """Drop the vectors of an index; searches wait meanwhile.

    patience_ms: raise OperationalError when a long search lets us wait longer for our turn; 0: wait.
    """
    _execute(f"SET LOCAL lock_timeout = {int(patience_ms)}")
    _execute(f"DROP TABLE IF EXISTS {partition_name(index_id)}")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes on disk: the vectors with their keys, and the graph over them."""

    table: int
    graph: int


def sizes(index: VectorIndex) -> Sizes:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(pg_total_relation_size(to_regclass(%s)), 0),"
            " coalesce(pg_total_relation_size(to_regclass(%s)), 0)",
            [partition_name(index.pk), hnsw_name(index.pk)],
        )
        whole, graph = cursor.fetchone()
    return Sizes(table=whole - graph, graph=graph)


def estimate(index: VectorIndex) -> float:
    """Return about how many vectors `index` holds, as the planner sees it; 0.0 before its first look."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = to_regclass(%s)", [partition_name(index.pk)]
        )
        row = cursor.fetchone()
    return float(row[0]) if row else 0.0


def build_hnsw(index: VectorIndex) -> None:
    """Build the graph of `index` over what its partition holds; later inserts keep it up.

    Searches (exact ones) and inserts go on meanwhile. Only inside a transaction, where PostgreSQL builds in no
    other way, inserts wait for the build.
    """
    name, partition = hnsw_name(index.pk), partition_name(index.pk)
    concurrently = "" if connection.in_atomic_block else "CONCURRENTLY"
    if not has_hnsw(index):  # what a build that was cut short leaves behind is there, and of no use
        _execute(f"DROP INDEX {concurrently} IF EXISTS {name}")
    with _memory_for(_build_mb(index)):
        _execute(
            f"CREATE INDEX {concurrently} IF NOT EXISTS {name} ON {partition} USING hnsw ({_graph_key(index)}) "
            f"WITH (m = {int(index.m)}, ef_construction = {int(index.ef_construction)})"
        )
    _execute(f"ANALYZE {partition}")


def stop_building(index: VectorIndex) -> None:
    """Cut the building of the graph of `index` short, whoever is at it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index "
            "WHERE datname = current_database() AND relid = to_regclass(%s)",
            [partition_name(index.pk)],
        )


@contextmanager
def _memory_for(megabytes: int) -> Iterator[None]:
    local = "LOCAL" if connection.in_atomic_block else ""
    _execute(f"SET {local} maintenance_work_mem = '{megabytes}MB'")
    try:
        yield
    finally:
        if not local:
            _execute("RESET maintenance_work_mem")


def _build_mb(index: VectorIndex) -> int:
    """Return the memory in which the graph can be built whole; over its limit, pgvector gets very slow."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {partition_name(index.pk)}")
        (vectors,) = cursor.fetchone()
    each = index.dim * BYTES[index.precision] + _NEIGHBOUR_BYTES * index.m + _NODE_BYTES
    needed = round(_SPARE * vectors * each / 2**20)
    return min(max(_LEAST_BUILD_MB, needed), settings.INDEX_BUILD_MEMORY_MB)


def _graph_key(index: VectorIndex) -> str:
    """Return what the graph stands on; `PassageVectorQuerySet.nearest` must order by the same expression."""
    dim = int(index.dim)
    if index.precision == "vector":
        return f"(embedding32::vector({dim})) vector_ip_ops"
    if index.precision == "binary":
        return f"(binary_quantize(embedding::halfvec({dim}))::bit({dim})) bit_hamming_ops"
    return f"(embedding::halfvec({dim})) halfvec_ip_ops"


def has_hnsw(index: VectorIndex) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = %s AND i.indisvalid",
            [hnsw_name(index.pk)],
        )
        return cursor.fetchone() is not None


def graph_progress(index: VectorIndex) -> int | None:
    """Return how many percent of the graph of `index` are built; None when nobody builds it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN phase LIKE 'building index%%' THEN 100 * tuples_done / greatest(tuples_total, 1)"
            " WHEN phase IN ('initializing', 'waiting for writers before build') THEN 0 ELSE 100 END "
            "FROM pg_stat_progress_create_index WHERE datname = current_database() AND relid = to_regclass(%s)",
            [partition_name(index.pk)],
        )
        row = cursor.fetchone()
    return int(row[0]) if row else None


@contextmanager
def scanning(*, ef_search: int = EF_SEARCH) -> Iterator[None]:
    """Let HNSW scans go on until enough rows pass the filters (never off: 1 % filters lose 9 of 10)."""
    with transaction.atomic():
        _execute(
            "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),"
            f" set_config('hnsw.ef_search', '{int(ef_search)}', true)"
        )
        yield


def copy_vectors(index: VectorIndex, passage_ids: Sequence[int], vectors: np.ndarray) -> int:
    """Store one vector a passage with COPY; return how many were new.

    vectors: (len(passage_ids), index.dim). Passages deleted meanwhile and vectors already
    there are left out, so that the same batch may arrive twice. Call inside a transaction.
    """
    if vectors.shape != (len(passage_ids), index.dim):
        raise ValueError(f"{vectors.shape} vectors for {len(passage_ids)} passages of {index.dim} dims")
    column, kind, wrap = ("embedding32", "vector", Vector) if index.precision == "vector" else _HALF
    connection.ensure_connection()
    register_vector(connection.connection)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE arrived (passage_id bigint, embedding {kind}) ON COMMIT DROP")
        with cursor.copy("COPY arrived (passage_id, embedding) FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["int8", kind])
            for passage_id, vector in zip(passage_ids, vectors, strict=True):
                copy.write_row((passage_id, wrap(vector)))
        # FOR KEY SHARE: a passage deleted at this moment must not fail the others' foreign key.
        cursor.execute(
            f"INSERT INTO indexing_passagevector (index_id, passage_id, {column}) "
            "SELECT %s, passage_id, embedding FROM arrived "
            "JOIN (SELECT id FROM corpora_passage WHERE id = ANY(%s) FOR KEY SHARE) here ON here.id = passage_id "
            "ON CONFLICT DO NOTHING",
            [index.pk, list(passage_ids)],
        )
        stored = cursor.rowcount
        cursor.execute("DROP TABLE arrived")
    return stored


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
