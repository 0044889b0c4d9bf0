// Package shipments has the shipments that tests send to a service: the two files of
// a user, and their expected sheets; and a load that shows whether a line ever
// appears in another shipment's sheet.
package shipments

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
)

// Shipment is a document of bills, its order export, and the expected sheets of both
// and of the bills alone.
type Shipment struct {
	// Letter is the first letter of its bills' numbers.
	Letter string
	// Count and Lines are the numbers of its bills and lines.
	Count, Lines int

	Bills, Orders, Expected, Unmatched []byte
}

// Sample invents a shipment for tests that look into it.
func Sample(t testing.TB, o sample.Options) *sample.Sample {
	t.Helper()
	s, err := sample.New(o)
	must.OK(t, err)
	return s
}

// New invents a shipment whose bills' numbers begin with the letter; "" does not
// change them.
func New(t testing.TB, o sample.Options, letter string) Shipment {
	t.Helper()
	s := Sample(t, o)
	if letter == "" {
		letter = s.Bills[0].Number[:1]
	}
	for _, b := range s.Bills {
		b.Number = letter + b.Number[1:]
	}
	for i := range s.Orders {
		s.Orders[i].InvoiceNo = letter + s.Orders[i].InvoiceNo[1:]
	}
	return Shipment{letter, len(s.Bills), s.Lines(), must.Written(t, s.WritePDF), must.Written(t, s.WriteOrders), must.Written(t, s.WriteExpected), must.Written(t, s.WriteUnmatched)}
}

// Real returns the real sample, which is not part of the repository: root is the
// repository's folder. It returns false if the sample is missing.
func Real(t testing.TB, root string) (Shipment, bool) {
	t.Helper()
	dir := filepath.Join(root, "../shared/testdata/midas-2025-07-10")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return Shipment{}, false
	}
	read := func(name string) []byte { return must.Read(t, filepath.Join(dir, name)) }
	return Shipment{"G", 83, 366, read(sample.PDFName), read(sample.OrdersName), read(sample.ExpectedName), read(sample.UnmatchedName)}, true
}

// Origin returns the number of a CSV sheet's lines by the letter of their bills, and
// whether any line has an order.
func Origin(sheet []byte) (lines map[string]int, merged bool, err error) {
	rows, err := csv.NewReader(bytes.NewReader(sheet)).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, false, fmt.Errorf("a sheet is not CSV: %w: %.100s", err, sheet)
	}
	number, ship := slices.Index(rows[0], "Invoice No."), slices.Index(rows[0], "Ship To Name")
	if number < 0 || ship < 0 {
		return nil, false, fmt.Errorf("a sheet has the columns %q", rows[0])
	}
	lines = map[string]int{}
	for _, r := range rows[1:] {
		lines[r[number][:1]]++
		merged = merged || r[ship] != ""
	}
	return lines, merged, nil
}
