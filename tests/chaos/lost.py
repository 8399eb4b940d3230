"""What can be said of records that nobody of a group has read: where they stand,
and who read what stands beside them."""

from typing import Any

from tests.stories.fleet import Fleet

SHOWN = 5
BESIDE = 3

Place = tuple[str, str, int]  # cluster, topic, partition


def tell_lost(fleet: Fleet, verdict: dict[str, Any], cluster: str) -> None:
    standing = {name: _places(path) for name, path in fleet.dumps.items()}
    for group in verdict["groups"]:
        if not group["lost"]:
            continue
        needed = {r for w in fleet.writers.values() for r in w.acked}
        lost = sorted(fleet.unread(group["group"], needed))
        print(f"  lost by {group['group']}: {len(lost)}; numbers {_ranges(lost)}")
        for record in lost[:SHOWN]:
            print(f"  {record}, acknowledged by {_acked_by(fleet, record)}")
            for where in (w for at in standing.values() for w in at.get(record, [])):
                print(f"    stands at {_text(where)}")
                _tell_neighbours(fleet, group["group"], where)


def _acked_by(fleet: Fleet, record: tuple[str, int]) -> str:
    return fleet.writers[record[0]].acked.get(record, "?")


def _tell_neighbours(fleet: Fleet, group: str, where: tuple[str, str, int, int]) -> None:
    cluster, topic, partition, offset = where
    near = sorted((abs(r.offset - offset), r.offset, r.mono_us, reader.name)
                  for reader in fleet.readers.values() if reader.group == group
                  for r in reader.reads
                  if (r.cluster, r.topic, r.partition) == (cluster, topic, partition))
    for _, at, mono_us, name in near[:BESIDE]:
        print(f"      {name} read offset {at} at {mono_us / 1e6:.3f}")


def _places(path: Any) -> dict[tuple[str, int], list[tuple[str, str, int, int]]]:
    found: dict[tuple[str, int], list[tuple[str, str, int, int]]] = {}
    cluster = ""
    for line in path.read_text().splitlines():
        words = line.split(" ")
        if words[0] == "B":
            cluster = words[4]
        if words[0] == "D":
            found.setdefault((words[6], int(words[9])), []).append(
                (cluster, words[3], int(words[4]), int(words[5])))
    return found


def _text(where: tuple[str, str, int, int]) -> str:
    return f"{where[0]} {where[1]}/{where[2]} @{where[3]}"


def _ranges(lost: list[tuple[str, int]]) -> str:
    """w1 17-20, w1 31, ..."""
    runs: list[list[Any]] = []
    for writer, number in lost:
        if runs and runs[-1][0] == writer and runs[-1][2] == number - 1:
            runs[-1][2] = number
        else:
            runs.append([writer, number, number])
    words = [f"{w} {a}" if a == b else f"{w} {a}-{b}" for w, a, b in runs[:20]]
    return ", ".join(words) + (" ..." if len(runs) > 20 else "")
