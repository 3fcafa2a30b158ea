from umstripe.cli import main

main(prog_name="umstripe")
