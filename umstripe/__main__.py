from umstripe.cli import main

main()
