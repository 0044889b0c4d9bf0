package bol_test

import (
	"fmt"

	"tallyman/internal/bol"
	"tallyman/internal/sample"
)

// A document is read page by page. Its pages usually come from package intake.
func ExampleReader() {
	s, err := sample.New(sample.Options{Bills: 2, Lines: 5, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	pages, err := s.WordPages()
	if err != nil {
		fmt.Println(err)
		return
	}
	r := bol.NewReader()
	for _, p := range pages {
		if err := r.Add(0, p); err != nil {
			fmt.Println(err)
			return
		}
	}
	doc, err := r.Document([]bol.File{{Name: "bol.pdf", Pages: len(pages)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range doc.Bills {
		fmt.Printf("%s, page %d: %s\n", b.Number.Text, b.Sheets[0].Page, b.Verdict.Outcome)
		for _, l := range b.Lines {
			fmt.Printf("  style %s, cartons: %s\n", l.Style.Text, l.Cartons.Text)
		}
	}
	// Output:
	// T20417, page 1: reconciled
	//   style Q00007KT, cartons: 1
	// T20418, page 2: reconciled
	//   style Q00014QB, cartons: 454
	//   style Q00021QB, cartons: 449
	//   style Q00028KT, cartons: 2
	//   style Q00035KT, cartons: 107
}
