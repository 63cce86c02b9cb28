"""LeRobotDatasets, versions 2.0 to 3.0, read and written without lerobot."""
