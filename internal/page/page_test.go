package page

import (
	"reflect"
	"testing"
)

func TestBoxesJoin(t *testing.T) {
	a, b := Box{10, 20, 30, 40}, Box{25, 5, 50, 30}
	if got := a.Union(b); got != (Box{10, 5, 50, 40}) {
		t.Errorf("got %v", got)
	}
	if got := a.Union(Box{}); got != a {
		t.Errorf("an empty box adds %v", got)
	}
	if got := (Box{}).Union(b); got != b {
		t.Errorf("an empty box adds to %v", got)
	}
}

func TestAWordSplitsBetweenRunes(t *testing.T) {
	w := Word{
		Text: "ÄB2.03", Box: Box{0, 0, 36, 9}, Base: 7, Size: 10,
		Edges: []float32{0, 6, 12, 18, 24, 30, 36}, Joints: []int{1, 2, 4},
	}
	l, r := w.Split(2)
	want := [2]Word{
		{Text: "ÄB", Box: Box{0, 0, 12, 9}, Base: 7, Size: 10, Edges: []float32{0, 6, 12}, Joints: []int{1}},
		{Text: "2.03", Box: Box{12, 0, 36, 9}, Base: 7, Size: 10, Edges: []float32{12, 18, 24, 30, 36}, Joints: []int{2}},
	}
	if !reflect.DeepEqual([2]Word{l, r}, want) {
		t.Errorf("got %+v and %+v", l, r)
	}
}
