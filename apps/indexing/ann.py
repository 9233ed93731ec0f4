"""The SQL that Django cannot say: partitions, HNSW graphs and how a search scans them.

Each index has a LIST partition of its own, so that dropping it is a DROP and its graph is its own.
The column is a halfvec without dimension; the graph stands on a cast to the index's dimension.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from django.db import connection, transaction
from pgvector import HalfVector
from pgvector.psycopg import register_vector

if TYPE_CHECKING:
    from apps.indexing.models import VectorIndex

# ef_search with relaxed_order at which 10 % filters still reach recall@10 of 0.98 on 100,000 rows.
EF_SEARCH = 100
# A build of 100,000 x 384 stays in memory with this much.
BUILD_MEMORY = "1GB"


def partition_name(index_id: int) -> str:
    return f"indexing_passagevector_{int(index_id)}"


def hnsw_name(index_id: int) -> str:
    return f"{partition_name(index_id)}_hnsw"


def create_partition(index: VectorIndex) -> None:
    """Make the place for the vectors of `index`."""
    _execute(
        f"CREATE TABLE IF NOT EXISTS {partition_name(index.pk)} "
        f"PARTITION OF indexing_passagevector FOR VALUES IN ({int(index.pk)})"
    )


def drop_partition(index_id: int) -> None:
    _execute(f"DROP TABLE IF EXISTS {partition_name(index_id)}")


def build_hnsw(index: VectorIndex) -> None:
    """Build the graph of `index` over what its partition holds; later inserts keep it up.

    Searches go on meanwhile (exactly); inserts wait for the build.
    """
    with transaction.atomic():
        _execute(f"SET LOCAL maintenance_work_mem = '{BUILD_MEMORY}'")
        _execute(
            f"CREATE INDEX IF NOT EXISTS {hnsw_name(index.pk)} ON {partition_name(index.pk)} "
            f"USING hnsw ((embedding::halfvec({int(index.dim)})) halfvec_ip_ops) "
            f"WITH (m = {int(index.m)}, ef_construction = {int(index.ef_construction)})"
        )
    _execute(f"ANALYZE {partition_name(index.pk)}")


def has_hnsw(index: VectorIndex) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = %s AND i.indisvalid",
            [hnsw_name(index.pk)],
        )
        return cursor.fetchone() is not None


@contextmanager
def scanning(*, ef_search: int = EF_SEARCH) -> Iterator[None]:
    """Let HNSW scans go on until enough rows pass the filters (never off: 1 % filters lose 9 of 10)."""
    with transaction.atomic():
        _execute("SET LOCAL hnsw.iterative_scan = relaxed_order")
        _execute(f"SET LOCAL hnsw.ef_search = {int(ef_search)}")
        yield


def copy_vectors(index: VectorIndex, passage_ids: Sequence[int], vectors: np.ndarray) -> int:
    """Store one vector a passage with COPY; return how many were new.

    vectors: (len(passage_ids), index.dim). Passages deleted meanwhile and vectors already
    there are left out, so that the same batch may arrive twice. Call inside a transaction.
    """
    if vectors.shape != (len(passage_ids), index.dim):
        raise ValueError(f"{vectors.shape} vectors for {len(passage_ids)} passages of {index.dim} dims")
    connection.ensure_connection()
    register_vector(connection.connection)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE arrived (passage_id bigint, embedding halfvec) ON COMMIT DROP")
        with cursor.copy("COPY arrived (passage_id, embedding) FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "halfvec"])
            for passage_id, vector in zip(passage_ids, vectors, strict=True):
                copy.write_row((passage_id, HalfVector(vector)))
        # FOR KEY SHARE: a passage deleted at this moment must not fail the others' foreign key.
        cursor.execute(
            "INSERT INTO indexing_passagevector (index_id, passage_id, embedding) "
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
