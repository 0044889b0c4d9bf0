// Workbook opens the workbook of an invented shipment with LibreOffice, which must be
// installed, and compares every value of the sheet with the CSV. With --pictures it also
// prints the tabs and keeps the PDF, to be looked at.
package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/load"
)

func main() {
	intake.RunIfWorker()
	pictures := flag.String("pictures", "", "keep the printed tabs as PDF in this `DIR`")
	flag.Parse()
	load.Main("bench/workbook", func() { run(context.Background(), *pictures) })
}

func run(ctx context.Context, pictures string) {
	dir := load.Must(os.MkdirTemp("", "tallyman-workbook-*"))
	defer os.RemoveAll(dir)
	s := invented(ctx)
	book := filepath.Join(dir, "load.xlsx")
	var b bytes.Buffer
	load.Check(sheet.Write(&b, s, sheet.XLSX))
	load.Check(os.WriteFile(book, b.Bytes(), 0o600))
	convert := func(to, out string) {
		said, err := exec.CommandContext(ctx, "soffice", "--headless", "--norestore", "-env:UserInstallation=file://"+filepath.Join(dir, "user"),
			"--convert-to", to, "--outdir", out, book).CombinedOutput()
		if err != nil {
			load.Fail("LibreOffice: %w: %s", err, said)
		}
	}
	// Values as they are, not as they are shown; every tab is a file (-1).
	convert("csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1", dir)
	for _, tab := range []string{"Load sheet", "To check", "Routing"} {
		if _, err := os.Stat(filepath.Join(dir, "load-"+tab+".csv")); err != nil {
			load.Fail("the workbook has no tab %q: %w", tab, err)
		}
	}
	n := compare(s, filepath.Join(dir, "load-Load sheet.csv"))
	fmt.Printf("LibreOffice reads the %d values of the CSV, and all tabs\n", n)
	if pictures == "" {
		return
	}
	load.Check(os.MkdirAll(pictures, 0o755))
	convert("pdf", pictures)
}

// invented returns the sheet of invented bills and orders.
func invented(ctx context.Context) *sheet.Sheet {
	invented := load.Must(sample.New(sample.Options{Bills: 40, Lines: 200, Seed: 17}))
	var pdf, orders bytes.Buffer
	load.Check(errors.Join(invented.WritePDF(&pdf), invented.WriteOrders(&orders)))
	reader := intake.New(intake.Config{})
	defer reader.Close()
	file := func(b *bytes.Buffer) intake.File {
		return intake.File{ReaderAt: bytes.NewReader(b.Bytes()), Size: int64(b.Len())}
	}
	doc := load.Must(reader.Bills(ctx, []intake.File{file(&pdf)}, nil))
	table := load.Must(reader.Orders(ctx, file(&orders), nil))
	return sheet.Make(doc, table)
}

// compare compares the tab of the sheet, as LibreOffice wrote it, with the CSV. It returns
// the number of values.
func compare(s *sheet.Sheet, name string) (values int) {
	var ours bytes.Buffer
	load.Check(sheet.WriteCSV(&ours, s))
	want := load.Must(csv.NewReader(&ours).ReadAll())
	f := load.Must(os.Open(name))
	defer f.Close()
	got := load.Must(csv.NewReader(f).ReadAll())
	if len(got) != len(want)+1 { // the sums
		load.Fail("the tab has %d rows, not those %d of the CSV and one of sums", len(got), len(want))
	}
	for i, row := range want {
		for col, cell := range row {
			if !same(got[i][col], cell) {
				load.Fail("row %d, %s: LibreOffice reads %q, the CSV has %q", i+1, want[0][col], got[i][col], cell)
			}
			values++
		}
	}
	return values
}

// same reports whether two cells have one value: dates are dates in the workbook, and
// numbers numbers.
func same(book, cell string) bool {
	if book == cell {
		return true
	}
	if day, err := time.Parse("01/02/2006", book); err == nil {
		return day.Format("01022006") == cell
	}
	x, xerr := strconv.ParseFloat(book, 64)
	y, yerr := strconv.ParseFloat(cell, 64)
	return xerr == nil && yerr == nil && x == y
}
