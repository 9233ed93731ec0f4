import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from workers.encoders.hashing import HashingEncoder
from workers.encoders.microbatch import MicroBatcher


class SlowEncoder(HashingEncoder):
    """Holds its first pass until it is let go, as a busy model would."""

    def __init__(self):
        super().__init__()
        self.sizes = []
        self.go = threading.Event()

    def encode(self, texts):
        self.sizes.append(len(texts))
        self.go.wait(5)
        return super().encode(texts)


class TestMicroBatcher:
    def test_gives_each_asker_its_own_vector(self):
        batcher, encoder = MicroBatcher(HashingEncoder()), HashingEncoder()
        texts = [f"levee {number}" for number in range(20)]
        with ThreadPoolExecutor(8) as pool:
            vectors = list(pool.map(batcher.encode_one, texts))
        np.testing.assert_allclose(vectors, encoder.encode(texts))

    def test_what_gathers_during_a_pass_shares_the_next(self):
        encoder = SlowEncoder()
        batcher = MicroBatcher(encoder)
        with ThreadPoolExecutor(9) as pool:
            first = pool.submit(batcher.encode_one, "first")
            while not encoder.sizes:
                pass
            rest = [pool.submit(batcher.encode_one, f"text {number}") for number in range(8)]
            while batcher.waiting < 8:
                pass
            encoder.go.set()
            [future.result(5) for future in (first, *rest)]
        assert encoder.sizes == [1, 8]

    def test_a_failure_reaches_the_asker_and_the_next_query_works(self):
        encoder = HashingEncoder()
        batcher = MicroBatcher(encoder)
        encoder.encode = lambda texts: (_ for _ in ()).throw(ValueError("bad text"))
        with pytest.raises(ValueError, match="bad text"):
            batcher.encode_one("levee")
        del encoder.encode
        assert batcher.encode_one("levee").shape == (384,)
