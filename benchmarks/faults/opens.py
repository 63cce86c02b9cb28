"""Opens LeRobotDatasets with lerobot itself, every frame of them: `python opens.py FOLDER`.

Runs in an environment that has lerobot, and needs nothing of this package.
"""

import json
import sys
from pathlib import Path

from lerobot.datasets.lerobot_dataset import LeRobotDataset


def main(folder: Path) -> int:
    """Print in how many data sets and episodes every frame could be read; 1 if not in all."""
    sets = episodes = frames = 0
    faults = []
    for path in sorted(folder.iterdir()):
        try:
            data = LeRobotDataset("kept/set", root=path)
            listed = data.meta.total_episodes
            seen = [int(data[i]["episode_index"]) for i in range(len(data))]
            if sorted(set(seen)) != list(range(listed)):
                raise ValueError(f"{listed} episodes, frames of {sorted(set(seen))}")
        except Exception as error:
            faults.append(f"{path.name}: {error!r}")
            continue
        sets, episodes, frames = sets + 1, episodes + listed, frames + len(seen)
    print(json.dumps({"sets": sets, "episodes": episodes, "frames": frames, "faults": faults}))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
