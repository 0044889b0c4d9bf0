package intake_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/intake/worker"
	"tallyman/internal/sample"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/must"
)

// The limits of these tests: half the default memory, a tenth of the default pages, and
// no limit of time, which a slow machine would reach.
var tight = intake.Config{Workers: 1, Memory: 256 << 20, Pages: 2000, Time: never, PageTime: never, Stall: never}

// brief returns a context for documents that would run until a limit ends them. Its
// deadline may come before the limit of memory.
func brief(t *testing.T) context.Context {
	ctx, cancel := worker.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAHostilePDFEndsWithAFaultAndHarmsNobodyElse(t *testing.T) {
	harmless := []fault.Code{fault.NoBills, fault.NoText, fault.DamagedPDF}
	stopped := []fault.Code{fault.TooMuchMemory, fault.TooSlow, fault.WorkerCrashed}
	all := append(append([]fault.Code{}, harmless...), stopped...)
	r := newReader(t, tight)
	good := must.Written(t, invented(t, sample.Options{Bills: 1, Lines: 3, Seed: 1}).WritePDF)
	for _, tt := range []struct {
		name string
		pdf  func() []byte
		want []fault.Code
	}{
		{"forms that draw each other, ten times over, ten levels deep", func() []byte { return hostile.FormBomb(10, 10) }, stopped},
		{"a form that draws itself", hostile.FormLoop, all},
		{"a pattern painted with itself", hostile.PatternLoop, harmless},
		{"a font that is written in itself", hostile.Type3Loop, harmless},
		{"a tree of pages with itself for a branch", hostile.PageTreeLoop, harmless},
		{"a tree of pages a hundred thousand branches deep", func() []byte { return hostile.PageTreeDeep(100_000) }, harmless},
		{"a page that claims to be a billion", func() []byte { return hostile.PageCount(1_000_000_000) }, append(harmless, fault.TooLarge)},
		{"a page that claims to be as many as there may be", func() []byte { return hostile.PageCount(2000) }, harmless},
		{"a page that claims to be minus one", func() []byte { return hostile.PageCount(-1) }, harmless},
		{"more pages than there may be", func() []byte { return hostile.ManyPages(2001, 1) }, []fault.Code{fault.TooLarge}},
		{"two gigabytes of blanks", func() []byte { return hostile.SpaceBomb(2 << 30) }, stopped},
		{"two gigabytes of blanks, packed twice", func() []byte { return hostile.NestedBomb(2 << 30) }, stopped},
		{"a hundred million numbers", func() []byte { return hostile.NumberBomb(100 << 20) }, []fault.Code{fault.TooMuchMemory}},
		{"a hundred million brackets", func() []byte { return hostile.ArrayBomb(100 << 20) }, stopped},
		{"a state saved thirty million times", func() []byte { return hostile.SaveBomb(30 << 20) }, stopped},
		{"a path of ten million points", func() []byte { return hostile.PathBomb(10 << 20) }, stopped},
		{"an object a million levels deep", func() []byte { return hostile.DeepObject(1_000_000) }, all},
		{"a JPEG 2000 picture of ten billion pixels", func() []byte { return hostile.ImageBomb("JPXDecode", 100_000) }, harmless},
		{"a JBIG2 picture of a trillion pixels", func() []byte { return hostile.ImageBomb("JBIG2Decode", 1_000_000) }, harmless},
		{"a font with thirty million texts for its letters", hostile.UnicodeBomb, all},
		{"a cross-reference table that precedes itself", hostile.PrevLoop, harmless},
		{"a cross-reference stream of two billion entries", func() []byte { return hostile.XrefSize(2_000_000_000) }, harmless},
		{"a stream that is its own length", hostile.LengthLoop, harmless},
		{"objects that are each other", hostile.ObjectLoop, harmless},
		{"ten thousand headings on a page", func() []byte { return hostile.TextBomb("STYLE", 10_000) }, harmless},
		{"a thousand rows of headings on a page", func() []byte {
			return hostile.TextBomb("CARTONS STYLE PIECES ORDER NUMBER CUST. STYLE DESCRIPTION VOL./WEIGHT", 900)
		}, append(harmless, "")},
		{"a table of thirty thousand rows that are not lines", func() []byte { return hostile.TableBomb(1, 30_000, 1) }, []fault.Code{"", fault.NoBills}},
		{"a table of one row of thirty thousand words", func() []byte { return hostile.TableBomb(1, 30_000, 30_000) }, append(harmless, "")},
		{"a password", func() []byte { return hostile.EncryptedPDF("secret", "owner", "locked") }, []fault.Code{fault.EncryptedPDF}},
		{"a password that only its owner needs", func() []byte { return hostile.EncryptedPDF("", "owner", "open") }, []fault.Code{fault.NoBills}},
		{"a lock that nobody knows", hostile.LockedPDF, []fault.Code{fault.EncryptedPDF}},
		{"nothing", func() []byte { return nil }, []fault.Code{fault.EmptyFile}},
		{"a mark at its beginning and one at its end, and nothing between", func() []byte { return []byte("%PDF-1.7\n%%EOF\n") }, []fault.Code{fault.DamagedPDF}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			if slices.Contains(tt.want, fault.TooSlow) {
				ctx = brief(t)
			}
			_, err := r.Bills(ctx, []intake.File{file("bol.pdf", tt.pdf())}, nil)
			faultIs(t, err, tt.want...)
			if d := read(t, r, good); d.Count(bol.Reconciled) != 1 {
				t.Errorf("the next document was not read well")
			}
		})
	}
}

func TestAHostilePictureEndsWithAFaultOrAPicture(t *testing.T) {
	stopped := []fault.Code{"", fault.TooMuchMemory, fault.TooSlow, fault.WorkerCrashed, fault.TooLarge}
	r := newReader(t, tight)
	good := must.Written(t, invented(t, sample.Options{Bills: 1, Lines: 3, Seed: 1}).WritePDF)
	for _, tt := range []struct {
		name string
		pdf  []byte
	}{
		{"a pattern painted with itself", hostile.PatternLoop()},
		{"forms that draw each other, ten times over, ten levels deep", hostile.FormBomb(10, 10)},
		{"a font that is written in itself", hostile.Type3Loop()},
		{"a JPEG 2000 picture of ten billion pixels", hostile.ImageBomb("JPXDecode", 100_000)},
		{"a JBIG2 picture of a trillion pixels", hostile.ImageBomb("JBIG2Decode", 1_000_000)},
		{"a packed picture of nearly half a billion pixels", hostile.ImageBomb("FlateDecode", 20_000)},
		{"a path of ten million points", hostile.PathBomb(10 << 20)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := r.Picture(brief(t), file("bol.pdf", tt.pdf), 1, 400)
			faultIs(t, err, stopped...)
			if _, err := r.Picture(context.Background(), file("good.pdf", good), 1, 400); err != nil {
				t.Errorf("the next page has no picture: %v", err)
			}
		})
	}
}

// What harms readers of pictures ends with a fault that says what it is, or with a page
// without bills.
func TestAHostilePictureOfAPageEndsWithAFault(t *testing.T) {
	r := newReader(t, tight)
	for name, b := range hostile.Pictures() {
		t.Run(name, func(t *testing.T) {
			_, err := r.Bills(brief(t), []intake.File{file("page", b)}, nil)
			faultIs(t, err, fault.TooLarge, fault.DamagedPicture, fault.NoText, fault.NoBills, fault.TooMuchMemory, fault.TooSlow)
		})
	}
	// The worker that met them, or its successor, reads the next file.
	good := must.Written(t, invented(t, sample.Options{Bills: 1, Lines: 3, Seed: 1}).WritePDF)
	if _, err := r.Bills(context.Background(), []intake.File{file("good.pdf", good)}, nil); err != nil {
		t.Errorf("the next file is not read: %v", err)
	}
}

func TestADocumentThatTakesTooLongIsStopped(t *testing.T) {
	r := newReader(t, intake.Config{Workers: 2, Time: 250 * time.Millisecond, Stall: never})
	_, err := r.Bills(context.Background(), []intake.File{file("bol.pdf", hostile.ManyPages(15_000, 1<<20))}, nil)
	faultIs(t, err, fault.TooSlow)
}

func TestADocumentIsGivenUpWhenItsCallerIs(t *testing.T) {
	r := newReader(t, tight)
	ctx, cancel := context.WithCancel(context.Background())
	_, err := r.Bills(ctx, []intake.File{file("bol.pdf", hostile.ManyPages(1000, 1<<20))}, func(intake.Progress) { cancel() })
	faultIs(t, err, fault.Cancelled)
}

// A document that is cut off lacks bills. It must not be read as if it were whole,
// unless only its very last bytes are missing.
func TestAPDFThatIsCutOffIsRefused(t *testing.T) {
	s := invented(t, sample.Options{Bills: 10, Lines: 40, Seed: 4})
	pdf := must.Written(t, s.WritePDF)
	rootFirst, err := hostile.RootFirst(pdf)
	must.OK(t, err)
	want := string(must.Written(t, s.WriteUnmatched))
	r := newReader(t, tight)
	for name, whole := range map[string][]byte{"its root last": pdf, "its root first": rootFirst} {
		if got := unmatched(t, read(t, r, whole)); got != want {
			t.Fatalf("with %s, and whole: %s", name, differing(got, want))
		}
		cuts := []int{1, 2, 5, 8, 9, 100}
		for permille := 1; permille < 1000; permille += 18 {
			cuts = append(cuts, len(whole)*permille/1000)
		}
		for last := 1; last <= 200; last += 7 {
			cuts = append(cuts, len(whole)-last)
		}
		for _, n := range cuts {
			d, err := r.Bills(context.Background(), []intake.File{file("bol.pdf", whole[:n])}, nil)
			if err != nil {
				// If only the first trailer is left at the end, the document has pages,
				// but nothing is on them.
				faultIs(t, err, fault.DamagedPDF, fault.NotAPDF, fault.NoText)
			} else if got := unmatched(t, d); got != want && len(d.Problems) == 0 {
				t.Errorf("with %s, %d of %d bytes were read as if they were all: %s", name, n, len(whole), differing(got, want))
			}
		}
	}
}

// If bytes are lost, their content may be lost. Then the bill must not reconcile, or a
// problem must report it.
func TestADamagedPDFDoesNotLoseLinesInSilence(t *testing.T) {
	s := invented(t, sample.Options{Bills: 6, Lines: 60, Seed: 5})
	whole := must.Written(t, s.WritePDF)
	want := string(must.Written(t, s.WriteUnmatched))
	r := newReader(t, tight)
	refused, noticed, unharmed := 0, 0, 0
	for at := 20; at < len(whole); at += len(whole) / 60 {
		damaged := bytes.Clone(whole)
		copy(damaged[at:], bytes.Repeat([]byte{0}, 40))
		d, err := r.Bills(context.Background(), []intake.File{file("bol.pdf", damaged)}, nil)
		if err != nil {
			faultIs(t, err, fault.DamagedPDF, fault.NoBills, fault.NoText, fault.NotAPDF, fault.WorkerCrashed, fault.TooMuchMemory)
			refused++
			continue
		}
		got := unmatched(t, d)
		switch {
		case d.Count(bol.Reconciled) < len(d.Bills), len(d.Problems) > 0:
			noticed++
		case got != want:
			t.Errorf("with 40 bytes at %d of %d gone, lines were lost in silence: %s", at, len(whole), differing(got, want))
		default:
			unharmed++
		}
	}
	t.Logf("%d refused, %d noticed, %d unharmed", refused, noticed, unharmed)
}

func TestAHostileOrderExportEndsWithAFault(t *testing.T) {
	r := newReader(t, tight)
	good := must.Written(t, invented(t, sample.Options{Bills: 1, Lines: 3, Seed: 1}).WriteOrders)
	for _, tt := range []struct {
		name    string
		content []byte
		want    []fault.Code
	}{
		{"a workbook that unpacks to a thousand times its size", hostile.ZipBomb(64 << 20), []fault.Code{fault.TooLarge}},
		{"a workbook that unpacks to more than it says", hostile.LyingZipBomb(64 << 20), []fault.Code{fault.TooLarge, fault.DamagedOrders}},
		{"a workbook with a cell of ten million characters", hostile.CellBomb(10 << 20), []fault.Code{fault.TooLarge}},
		{"a workbook whose parts lie before its beginning", hostile.DisplacedWorkbook(), []fault.Code{fault.DamagedOrders}},
		{"a workbook whose text multiplies", hostile.EntityBomb(), []fault.Code{fault.DamagedOrders, fault.MissingColumns}},
		{"a CSV with a cell of ten million characters", hostile.CellText(10 << 20), []fault.Code{fault.TooLarge}},
		{"a CSV of nothing but commas", bytes.Repeat([]byte(","), 10<<20), []fault.Code{fault.TooLarge, fault.MissingColumns}},
		{"a CSV of nothing but line ends", bytes.Repeat([]byte("\n"), 10<<20), []fault.Code{fault.EmptyFile, fault.MissingColumns}},
		{"a CSV of nothing but quotation marks", bytes.Repeat([]byte(`"`), 10<<20), []fault.Code{fault.DamagedOrders, fault.MissingColumns, fault.TooLarge}},
		{"zeros", make([]byte, 1<<20), []fault.Code{fault.NotAnOrderFile}},
		{"nothing", nil, []fault.Code{fault.EmptyFile}},
		{"a PDF", hostile.TextPDF("orders"), []fault.Code{fault.NotAnOrderFile}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := r.Orders(context.Background(), file("orders.csv", tt.content), nil)
			faultIs(t, err, tt.want...)
			if _, err := r.Orders(context.Background(), file("good.csv", good), nil); err != nil {
				t.Errorf("the next export was not read: %v", err)
			}
		})
	}
}

// No damage to a sound document may cause an error of the server or of its disk.
func TestWhatBecomesOfASoundDocumentEndsWithAFaultOrIsRead(t *testing.T) {
	s := invented(t, sample.Options{Bills: 2, Lines: 10, Seed: 7})
	export := must.Written(t, s.WriteOrders)
	rows := must.CSV(t, bytes.NewReader(export))
	workbook := hostile.Workbook(func(w io.Writer) {
		for _, row := range rows[1:] {
			fmt.Fprint(w, `<row>`)
			for _, cell := range row[:4] {
				fmt.Fprint(w, `<c t="inlineStr"><is><t>`)
				xml.EscapeText(w, []byte(cell))
				fmt.Fprint(w, `</t></is></c>`)
			}
			fmt.Fprint(w, `</row>`)
		}
	})
	r := newReader(t, tight)
	orders := func(f intake.File) error {
		_, err := r.Orders(context.Background(), f, nil)
		return err
	}
	stopped := []fault.Code{fault.TooLarge, fault.TooSlow, fault.TooMuchMemory, fault.WorkerCrashed}
	damagedExport := append([]fault.Code{"", fault.EmptyFile, fault.NotAnOrderFile, fault.DamagedOrders, fault.OldXLS, fault.MissingColumns, fault.NoOrderRows}, stopped...)
	for _, tt := range []struct {
		name  string
		whole []byte
		read  func(intake.File) error
		want  []fault.Code
	}{
		{"bol.pdf", must.Written(t, s.WritePDF), func(f intake.File) error {
			_, err := r.Bills(context.Background(), []intake.File{f}, nil)
			if err == nil {
				_, err = r.Picture(context.Background(), f, 1, 400)
			}
			return err
		}, append([]fault.Code{"", fault.EmptyFile, fault.NotAPDF, fault.DamagedPDF, fault.EncryptedPDF, fault.NoText, fault.NoBills}, stopped...)},
		{"orders.csv", export, orders, damagedExport},
		{"orders.xlsx", workbook, orders, damagedExport},
		{"orders.xls", hostile.OldWorkbook(rows), orders, damagedExport},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.read(file(tt.name, tt.whole)); err != nil {
				t.Fatalf("as it is: %v", err)
			}
			read := 0
			for seed := range uint64(40) {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					err := tt.read(file(tt.name, hostile.Mutant(tt.whole, seed)))
					faultIs(t, err, tt.want...)
					if err == nil {
						read++
					}
				})
			}
			if read == 0 || read == 40 {
				t.Errorf("%d of 40 were read, so that they are too much alike", read)
			}
		})
	}
}

// The texts of a bill cannot be checked, its figures and lines can: after any damage to
// a document none of them may differ or be missing, unless a verdict or a problem says
// so.
func TestNoFigureOfADamagedPDFChangesInSilence(t *testing.T) {
	s := invented(t, sample.Options{Bills: 4, Lines: 24, Seed: 5})
	whole := must.Written(t, s.WritePDF)
	figures := func(sheet string) [][]string {
		rows := must.CSV(t, strings.NewReader(sheet))
		for _, row := range rows[1:] {
			for i, name := range rows[0] {
				if name == "Style" || name == "Invoice No." {
					row[i] = ""
				}
			}
		}
		return rows
	}
	want := figures(string(must.Written(t, s.WriteUnmatched)))
	r := newReader(t, tight)
	noticed, unharmed := 0, 0
	for seed := range uint64(80) {
		d, err := r.Bills(context.Background(), []intake.File{file("bol.pdf", hostile.Mutant(whole, seed))}, nil)
		switch {
		case err != nil || d.Count(bol.Reconciled) < len(d.Bills) || len(d.Problems) > 0:
			noticed++
		case !reflect.DeepEqual(figures(unmatched(t, d)), want):
			t.Errorf("mutant %d: figures changed in silence: %s", seed, differing(unmatched(t, d), string(must.Written(t, s.WriteUnmatched))))
		default:
			unharmed++
		}
	}
	if noticed == 0 || unharmed == 0 {
		t.Errorf("%d noticed, %d unharmed: the mutants are too much alike", noticed, unharmed)
	}
}
