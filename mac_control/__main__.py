"""`python -m mac_control`: the console command, as launchers such as torchrun start it."""

from mac_control.cli import main

if __name__ == "__main__":
    main()
