package proof

import (
	"fmt"

	"tallyman/internal/sample"
)

// Straight returns invented documents of the known form, with the words of their pages.
func Straight(seeds int) ([]Document, error) {
	var out []Document
	for seed := range uint64(seeds) {
		s, err := sample.New(sample.Options{Bills: 3, Lines: 40, Seed: seed})
		if err != nil {
			return nil, err
		}
		pages, err := s.WordPages()
		if err != nil {
			return nil, err
		}
		out = append(out, Document{Name: fmt.Sprintf("straight-%d", seed), Pages: pages, Truth: s.Truth()})
	}
	return out, nil
}
