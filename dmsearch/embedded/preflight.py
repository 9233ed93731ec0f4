"""Will pgvector of this wheel run on this CPU? It was built for newer ones than some laptops have."""

import json
import platform
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dmsearch.embedded.accounts import Account
from dmsearch.embedded.binaries import POSTGRES
from dmsearch.embedded.errors import ServiceError

_NEEDED = {"x86_64": frozenset({"avx2"}), "aarch64": frozenset({"sve"})}

# Vectors long enough for the vectorised loops, and their two types; rolled back.
_PROBE = b"""\
BEGIN; CREATE EXTENSION vector; \
SELECT 'distance ' || (array_fill(1::real, ARRAY[67])::vector <-> array_fill(3::real, ARRAY[67])::vector), \
'half ' || (array_fill(1::real, ARRAY[67])::halfvec <#> array_fill(2::real, ARRAY[67])::halfvec); ROLLBACK;
"""
_EXPECTED = (b"distance 16.37", b"half -134")  # 2 * sqrt(67), -(67 * 1 * 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cpu:
    machine: str
    model: str
    #: None where the system does not list them; the probe decides then.
    flags: frozenset[str] | None


def this_cpu(source: Path = Path("/proc/cpuinfo")) -> Cpu:
    fields: dict[str, str] = {}
    if source.exists():
        for line in source.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags") or fields.get("Features")  # x86 and ARM spell it differently
    return Cpu(
        machine=platform.machine(),
        model=fields.get("model name") or platform.processor() or platform.machine(),
        flags=frozenset(flags.split()) if flags else None,
    )


def check_flags(cpu: Cpu) -> None:
    """Raise ServiceError when `cpu` says itself that it lacks what pgvector was built with."""
    missing = _NEEDED.get(cpu.machine, frozenset()) - (cpu.flags or frozenset())
    if cpu.flags is not None and missing:
        raise _unfit(f"the CPU ({cpu.model}) lacks {', '.join(sorted(missing))}")


def probe(postgres: Path, cluster: Path, *, account: Account) -> None:
    """Raise ServiceError unless pgvector really computes on this CPU, in the stopped `cluster`."""
    process = subprocess.run(
        [str(postgres), "--single", "-D", str(cluster), "postgres"],
        input=_PROBE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={"LC_ALL": "C"},
        timeout=60,
        check=False,
        **account.popen_options(),
    )
    if process.returncode == -signal.SIGILL:
        raise _unfit("it met an instruction that this CPU does not have")
    if process.returncode != 0 or not all(each in process.stdout for each in _EXPECTED):
        output = process.stdout.decode(errors="replace")
        raise _unfit(f"a trial distance failed (exit status {process.returncode}):\n{output}")


def passed_before(record: Path, cpu: Cpu) -> bool:
    """Tell whether this wheel has passed on this model of CPU."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return bool(found == _key(cpu))


def to_remember(cpu: Cpu) -> str:
    """Return what `passed_before` looks for."""
    return json.dumps(_key(cpu))


def _key(cpu: Cpu) -> dict[str, str]:
    return {"wheel": POSTGRES.version, "machine": cpu.machine, "cpu": cpu.model}


def _unfit(what: str) -> ServiceError:
    return ServiceError(
        "postgres",
        f"the embedded pgvector does not run here: {what}",
        remedy=POSTGRES.instead,
    )
