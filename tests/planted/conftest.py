"""The twins are material: what looks like a test in them is none of ours."""

collect_ignore = ["faulty", "clean"]
