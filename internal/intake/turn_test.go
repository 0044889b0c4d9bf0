package intake

import (
	"context"
	"errors"
	"slices"
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// A page is read while the second reader reads the one before: here that waits for it. Pages
// are passed on in their order, and an error ends the reading when nothing is read any more.
func TestAPageIsReadWhileTheOneBeforeIsReadAgain(t *testing.T) {
	numbers := []int{2, 3, 5, 6}
	broken := errors.New("broken")
	for _, fails := range []int{0, 3} {
		began := map[int]chan struct{}{}
		for _, n := range numbers {
			began[n] = make(chan struct{})
		}
		reading := 0
		read := func(ctx context.Context, number int) func() (*page.Page, error) {
			reading++
			close(began[number])
			reading--
			return func() (*page.Page, error) {
				if number == fails {
					return nil, broken
				}
				if i := slices.Index(numbers, number); i+1 < len(numbers) {
					<-began[numbers[i+1]]
				}
				return &page.Page{Number: number}, ctx.Err()
			}
		}
		var got []int
		err := inTurn(t.Context(), numbers, read, func(i int, p *page.Page) error {
			if p.Number != numbers[i] {
				t.Errorf("page %d is number %d", p.Number, i)
			}
			got = append(got, p.Number)
			return nil
		})
		if want := map[int][]int{0: numbers, 3: {2}}[fails]; !slices.Equal(got, want) {
			t.Errorf("%v are passed on, want %v", got, want)
		}
		if fails != 0 && err != broken || fails == 0 && err != nil {
			t.Errorf("got %v", err)
		}
		if reading != 0 {
			t.Error("it ends before the reading does")
		}
	}
	must.OK(t, inTurn(t.Context(), nil, nil, nil))
}
