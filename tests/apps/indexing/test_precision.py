import numpy as np
import pytest

from apps.indexing import ann, services
from apps.indexing.models import PassageVector, VectorIndex
from apps.retrievers.family import get_card
from tests.factories import PassageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(params=VectorIndex.Precision.values)
def index(request):
    return services.create_index(
        get_card("hashing"), revision="1", making=services.Making(precision=request.param, goes_live=False)
    )


class TestEachPrecision:
    def test_keeps_and_finds_vectors_through_its_own_graph(self, index):
        random = np.random.default_rng(3)
        document = PassageFactory().document
        passages = [PassageFactory(document=document, position=n) for n in range(1000, 1039)]
        vectors = random.standard_normal((39, index.dim), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        assert services.store_vectors(index, [p.pk for p in passages], vectors) == 39
        ann.build_hnsw(index)
        with ann.scanning():
            nearest = PassageVector.objects.nearest(vectors[5], index=index)
            found = dict(nearest.values_list("passage_id", "distance")[:5])
        assert min(found, key=found.get) == passages[5].pk
        assert found[passages[5].pk] == pytest.approx(-1, abs=2e-3)
        exact = PassageVector.objects.nearest_exactly(vectors[5], index=index)
        assert exact.first().passage_id == passages[5].pk
