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
)

func main() {
	intake.RunIfWorker()
	pictures := flag.String("pictures", "", "keep the printed tabs as PDF in this `DIR`")
	flag.Parse()
	if err := run(context.Background(), *pictures); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, pictures string) error {
	dir, err := os.MkdirTemp("", "tallyman-workbook-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := invented(ctx)
	if err != nil {
		return err
	}
	book := filepath.Join(dir, "load.xlsx")
	var b bytes.Buffer
	if err := sheet.Write(&b, s, sheet.XLSX); err != nil {
		return err
	}
	if err := os.WriteFile(book, b.Bytes(), 0o600); err != nil {
		return err
	}
	convert := func(to, out string) error {
		said, err := exec.CommandContext(ctx, "soffice", "--headless", "--norestore", "-env:UserInstallation=file://"+filepath.Join(dir, "user"),
			"--convert-to", to, "--outdir", out, book).CombinedOutput()
		if err != nil {
			return fmt.Errorf("LibreOffice: %w: %s", err, said)
		}
		return nil
	}
	// Values as they are, not as they are shown; every tab is a file (-1).
	if err := convert("csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1", dir); err != nil {
		return err
	}
	for _, tab := range []string{"Load sheet", "To check", "Routing"} {
		if _, err := os.Stat(filepath.Join(dir, "load-"+tab+".csv")); err != nil {
			return fmt.Errorf("the workbook has no tab %q: %w", tab, err)
		}
	}
	n, err := compare(s, filepath.Join(dir, "load-Load sheet.csv"))
	if err != nil {
		return err
	}
	fmt.Printf("LibreOffice reads the %d values of the CSV, and all tabs\n", n)
	if pictures == "" {
		return nil
	}
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return err
	}
	return convert("pdf", pictures)
}

// invented returns the sheet of invented bills and orders.
func invented(ctx context.Context) (*sheet.Sheet, error) {
	invented, err := sample.New(sample.Options{Bills: 40, Lines: 200, Seed: 17})
	if err != nil {
		return nil, err
	}
	var pdf, orders bytes.Buffer
	if err := errors.Join(invented.WritePDF(&pdf), invented.WriteOrders(&orders)); err != nil {
		return nil, err
	}
	reader := intake.New(intake.Config{})
	defer reader.Close()
	file := func(b *bytes.Buffer) intake.File {
		return intake.File{ReaderAt: bytes.NewReader(b.Bytes()), Size: int64(b.Len())}
	}
	doc, err := reader.Bills(ctx, []intake.File{file(&pdf)}, nil)
	if err != nil {
		return nil, err
	}
	table, err := reader.Orders(ctx, file(&orders), nil)
	if err != nil {
		return nil, err
	}
	return sheet.Make(doc, table), nil
}

// compare compares the tab of the sheet, as LibreOffice wrote it, with the CSV. It returns
// the number of values.
func compare(s *sheet.Sheet, name string) (values int, err error) {
	var ours bytes.Buffer
	if err := sheet.WriteCSV(&ours, s); err != nil {
		return 0, err
	}
	want, err := csv.NewReader(&ours).ReadAll()
	if err != nil {
		return 0, err
	}
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	got, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return 0, err
	}
	if len(got) != len(want)+1 { // the sums
		return 0, fmt.Errorf("the tab has %d rows, not those %d of the CSV and one of sums", len(got), len(want))
	}
	for i, row := range want {
		for col, cell := range row {
			if !same(got[i][col], cell) {
				return values, fmt.Errorf("row %d, %s: LibreOffice reads %q, the CSV has %q", i+1, want[0][col], got[i][col], cell)
			}
			values++
		}
	}
	return values, nil
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
