// Package linear finds out whether an order of operations explains the answers that
// clients got: one in which each takes effect at one instant between its call and its
// answer. porcupine looks for the order.
package linear

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// ErrNotLinearizable is the error of a history for which there is no order.
var ErrNotLinearizable = errors.New("the history is not linearizable")

// ErrUndecided is the error of a history that was too large for the checker on this
// machine. It says nothing about what was tested: try a shorter history.
var ErrUndecided = errors.New("no decision on the history")

// Model describes independent things, such as sessions: K names one, and S is the state of
// one. I is an operation as it was called, and O its answer.
type Model[K comparable, S, I, O any] struct {
	// Init is the state of each in the beginning.
	Init S
	// Step returns the states that an operation with that answer can lead to.
	Step func(S, I, O) []S
	// Equal reports whether two states are the same.
	Equal func(a, b S) bool
	// Key names the thing that an operation is for.
	Key func(I) K
	// Also reports whether an operation is for this thing, too; nil for never.
	Also func(K, I) bool
	// Show describes an operation with its answer, for people; nil for all their fields.
	Show func(porcupine.Operation) string
}

// Check returns an error that wraps ErrUndecided, after that time, or ErrNotLinearizable
// if no order of the operations explains the answers.
func (m Model[K, S, I, O]) Check(all []porcupine.Operation, within time.Duration) error {
	keys, parts := m.divide(all)
	checked := porcupine.NondeterministicModel{
		Partition: func([]porcupine.Operation) [][]porcupine.Operation { return parts },
		Init:      func() []any { return []any{m.Init} },
		Step: func(state, input, output any) (next []any) {
			for _, s := range m.Step(state.(S), input.(I), output.(O)) {
				next = append(next, s)
			}
			return next
		},
		Equal: func(a, b any) bool { return m.Equal(a.(S), b.(S)) },
	}
	result, info := porcupine.CheckOperationsVerbose(checked.ToModel(), all, within)
	switch result {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("%w: %d operations, within %v", ErrUndecided, len(all), within)
	}
	var s strings.Builder
	for i, orders := range info.PartialLinearizations() {
		m.explain(&s, keys[i], parts[i], orders)
	}
	return fmt.Errorf("%w: %s", ErrNotLinearizable, &s)
}

// divide divides the operations by what they are for.
func (m Model[K, S, I, O]) divide(all []porcupine.Operation) (keys []K, parts [][]porcupine.Operation) {
	for _, op := range all {
		k := m.Key(op.Input.(I))
		i := slices.Index(keys, k)
		if i < 0 {
			i, keys, parts = len(keys), append(keys, k), append(parts, nil)
		}
		parts[i] = append(parts[i], op)
	}
	for i, k := range keys {
		for _, op := range all {
			if in := op.Input.(I); m.Also != nil && m.Also(k, in) {
				parts[i] = append(parts[i], op)
			}
		}
	}
	return keys, parts
}

// explain shows the operations around the place where every order fails. orders are those
// that explain a part of the operations, by their indexes.
func (m Model[K, S, I, O]) explain(s *strings.Builder, key K, all []porcupine.Operation, orders [][]int) {
	var longest []int
	for _, order := range orders {
		if len(order) > len(longest) {
			longest = order
		}
	}
	var placed, left []porcupine.Operation
	for _, i := range longest {
		placed = append(placed, all[i])
	}
	for i, op := range all {
		if !slices.Contains(longest, i) {
			left = append(left, op)
		}
	}
	if len(left) == 0 {
		return
	}
	slices.SortFunc(left, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	show := func(ops []porcupine.Operation) {
		for _, op := range ops {
			text := fmt.Sprintf("%+v -> %+v", op.Input, op.Output)
			if m.Show != nil {
				text = m.Show(op)
			}
			fmt.Fprintf(s, "\n\t[%d, %d] %s", op.Call, op.Return, text)
		}
	}
	fmt.Fprintf(s, "\n%+v: after %d operations in an order that ends with", key, len(longest))
	show(placed[max(0, len(placed)-12):])
	s.WriteString("\nnone of these can follow")
	show(left[:min(len(left), 12)])
}
