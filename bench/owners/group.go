package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tallyman/internal/testing/load"
)

// group is a control group that bounds memory (cgroup v1).
type group struct{ dir string }

func newGroup(megabytes int) *group {
	g := &group{fmt.Sprintf("/sys/fs/cgroup/memory/tallyman-owners-%d", os.Getpid())}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		load.Fail("a control group for memory needs cgroup v1 and root: %w", err)
	}
	if err := os.WriteFile(filepath.Join(g.dir, "memory.limit_in_bytes"), []byte(strconv.Itoa(megabytes<<20)), 0); err != nil {
		g.remove()
		load.Check(err)
	}
	return g
}

// wrap writes a program that enters the group and then becomes the given one.
func (g *group) wrap(program, dir string) string {
	path := filepath.Join(dir, "limited")
	os.WriteFile(path, []byte(fmt.Sprintf("#!/bin/sh\necho $$ > %s/cgroup.procs && exec %s \"$@\"\n", g.dir, program)), 0o755)
	return path
}

func (g *group) remove() { os.Remove(g.dir) }

// outcome returns how many processes were killed for lack of memory, and the greatest
// use, in MB. The page cache counts, and is given back under pressure.
func (g *group) outcome() (kills, most int) {
	b, _ := os.ReadFile(filepath.Join(g.dir, "memory.oom_control"))
	_, after, _ := strings.Cut(string(b), "oom_kill ")
	kills, _ = strconv.Atoi(strings.TrimSpace(after))
	b, _ = os.ReadFile(filepath.Join(g.dir, "memory.max_usage_in_bytes"))
	bytes, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return kills, bytes >> 20
}
