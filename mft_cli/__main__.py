"""`python -m mft_cli`: the `mft` command, for launchers such as `torchrun -m mft_cli run ...`."""

from mft_cli.app import main

main()
