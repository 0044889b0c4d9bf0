package main

import (
	"fmt"
	"os"

	"tallyman/internal/testing/load"
)

// What reading a page may take, on two processors (DESIGN.md §13).
const (
	mostSeconds = 6
	mostMemory  = 300 // MB of a worker
)

// speed prints what reading a page took, beside what it may take.
func (b *bench) speed() {
	fmt.Println("\n| picture | s a page | at most | s of a processor |")
	fmt.Println("|---|---|---|---|")
	for _, k := range b.kinds {
		s := b.scores[k]
		n := float64(max(s.Pages, 1))
		spent := "–" // only if one document is read at a time
		if s.Spent > 0 {
			spent = fmt.Sprintf("%.1f", s.Spent.Seconds()/n)
		}
		fmt.Printf("| %s | %.1f | %d | %s |\n", k, s.Took.Seconds()/n, mostSeconds, spent)
	}
	b.draw.Close() // its workers do not count
	most := 0.0
	_, started := load.Family(os.Getpid())
	for _, p := range started {
		most = max(most, p.Peak)
	}
	if most > 0 {
		fmt.Printf("\nA worker took %.0f MB of memory at most, and may take %d.\n", most, mostMemory)
	}
}
