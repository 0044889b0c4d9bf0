package sqlite

import (
	"encoding/json"
	"testing"

	"tallyman/internal/session"
)

// Schemas before 3 stored one order export, and not in a list.
func TestInputsOfEarlierSchemasAreUnderstood(t *testing.T) {
	for _, c := range []struct {
		text   string
		orders int
	}{
		{`{"bol":[{"name":"a.pdf"}]}`, 0},
		{`{"bol":[{"name":"a.pdf"}],"orders":{"name":"a.csv"}}`, 1},
		{`{"bol":[{"name":"a.pdf"}],"orders":[{"name":"a.csv"},{"name":"b.csv"}],"amendments":[{"name":"x"}]}`, 2},
	} {
		var in inputs
		if err := json.Unmarshal([]byte(c.text), &in); err != nil || len(in.BOL) != 1 || len(in.Orders) != c.orders || c.orders > 0 && in.Orders[0].Name != "a.csv" {
			t.Errorf("%s: %+v, %v", c.text, in, err)
		}
	}
	if b, err := json.Marshal(inputs{Orders: []session.Input{{Name: "a.csv"}}}); err != nil || json.Unmarshal(b, &inputs{}) != nil {
		t.Errorf("%s, %v", b, err)
	}
}
