package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"tallyman/internal/atomicfile"
	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/intake/tesseract"
	"tallyman/internal/orders"
	"tallyman/internal/profile"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
)

const sheetHelp = `Makes the load sheet of one or more PDFs of bills of lading.

Usage: tallyman sheet [--orders FILE] [--format csv|xlsx|json|ebol] [-o FILE] [--profile FILE] [--amendments FILE] [--carry FILE] [--strict] [--accept-unproved] BOL.pdf [BOL.pdf …]

  tallyman sheet bol.pdf                              the bills alone, to the screen
  tallyman sheet --orders orders.csv bol.pdf -o load.xlsx   joined with the orders, for Excel
  tallyman sheet --orders o.csv --map "Qty=Cartons" bol.pdf   the column Qty holds the cartons

The sheet goes to standard output, or with -o to a file, which appears whole or
not at all. A summary and all problems go to standard error. "-" stands for
standard input.

Exit codes: 0 all went well; 1 no sheet was made; 3 with --strict, the sheet was
made but something in it needs a person's eye: a bill that does not add up, a line
without order, a row that could not be read.
`

type sheetOptions struct {
	orders  string
	profile string
	amended string
	carry   string
	grows   string
	routing string
	on      string
	columns []string
	format  string
	output  string
	strict  bool
	accept  bool
	quiet   bool
	workers int
	pdfium  bool
	timeout time.Duration
	// pageTimeout is for a page that is read from its picture.
	pageTimeout time.Duration
	tesseract   string
}

// readingFlags defines the options for reading that several commands have. what is what
// --timeout is for, as in "a file".
func readingFlags(flags *pflag.FlagSet, what string, timeout, pageTimeout *time.Duration, tesseract *string) {
	flags.DurationVar(timeout, "timeout", 3*time.Minute, "give up on "+what+" after this `TIME`")
	flags.DurationVar(pageTimeout, "page-timeout", time.Minute, "give up on a page that is read from its picture after this `TIME`")
	flags.StringVar(tesseract, "tesseract", "", "read scans a second time with the program tesseract at `FILE`, or not if that is none (default: /usr/bin/tesseract, if it is there)")
}

// maxWorkers keeps a typing error from starting more processes than the machine can
// run.
const maxWorkers = 256

func runSheet(ctx context.Context, std streams, args []string) (int, error) {
	var o sheetOptions
	flags := newFlags(std, "sheet", sheetHelp)
	flags.StringVar(&o.orders, "orders", "", "the order export: a CSV, XLSX or XLS `FILE`")
	flags.StringVar(&o.format, "format", "", "csv, xlsx, json or ebol (default: by the ending of -o, else csv)")
	flags.StringVarP(&o.output, "output", "o", "", "write the sheet to `FILE`")
	flags.StringVar(&o.profile, "profile", "", "make the sheet by the settings in `FILE`; see \"tallyman profile --help\"")
	flags.StringVar(&o.amended, "amendments", "", "apply what people corrected, paired, filled in and checked: the JSON in `FILE`, which --format json also writes")
	flags.StringVar(&o.carry, "carry", "", "fill in what people filled in on an earlier sheet of this shipment: a CSV or XLSX `FILE`")
	flags.StringArrayVar(&o.columns, "map", nil, "a `COLUMN=MEANING` of the order export, as in \"Qty=Cartons\"; can be repeated")
	flags.StringVar(&o.grows, "append-to", "", "add the rows that the CSV file or workbook `FILE` does not have yet, by bill and style, and change nothing else in it; without -o and --format no other sheet is written")
	flags.StringVar(&o.routing, "routing", "", "also write what routing requests ask for to `FILE`, as CSV, XLSX or JSON by its ending")
	flags.StringVar(&o.on, "on", "", "the `DAY` for which --routing examines ship windows, as 2025-07-30 (default: today)")
	flags.BoolVar(&o.strict, "strict", false, "exit with 3 if anything needs a person's eye")
	flags.BoolVar(&o.accept, "accept-unproved", false, "also put bills into the sheet that are of no known form and that no total proves")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "no progress and no summary, errors only")
	flags.IntVar(&o.workers, "workers", 0, "read with `N` processes (default: one per processor)")
	flags.BoolVar(&o.pdfium, "pdfium", false, "read all PDFs with PDFium, which takes longer")
	readingFlags(flags, "a file", &o.timeout, &o.pageTimeout, &o.tesseract)
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	names := flags.Args()
	if len(names) == 0 {
		return exitFailed, misuse(flags, "name at least one PDF of bills")
	}
	stdins := 0
	for _, n := range append([]string{o.orders, o.profile, o.amended, o.carry}, names...) {
		if n == "-" {
			stdins++
		}
	}
	switch {
	case stdins > 1:
		return exitFailed, misuse(flags, "standard input can be read only once")
	case flags.Changed("orders") && o.orders == "", flags.Changed("output") && o.output == "", flags.Changed("profile") && o.profile == "", flags.Changed("routing") && o.routing == "", flags.Changed("amendments") && o.amended == "", flags.Changed("carry") && o.carry == "", flags.Changed("append-to") && o.grows == "":
		// This happens with a script's unset variable: a sheet without the orders
		// would look complete.
		return exitFailed, misuse(flags, "--orders, --profile, --amendments, --carry, --append-to, --routing and -o need the name of a file")
	case len(o.columns) > 0 && o.orders == "":
		return exitFailed, misuse(flags, "--map is about columns of the order export; name that with --orders")
	case o.workers < 0 || o.workers > maxWorkers:
		return exitFailed, misuse(flags, "--workers must be from 1 to %d", maxWorkers)
	case o.timeout <= 0 || o.pageTimeout <= 0:
		return exitFailed, misuse(flags, "--timeout and --page-timeout must be longer than 0, for example 90s")
	}
	if o.output == "-" {
		o.output = ""
	}
	for _, output := range []string{o.output, o.routing, o.grows} {
		if err := notAnInput(output, append(names, o.orders, o.profile, o.amended, o.carry)); err != nil {
			return exitFailed, err
		}
	}
	growing, err := newGrowth(o.grows)
	if err != nil {
		return exitFailed, err
	}
	silent := growing != nil && !flags.Changed("output") && o.format == ""
	routing, err := o.routingOf()
	if err != nil {
		return exitFailed, err
	}
	format, err := o.outputFormat(std)
	if err != nil {
		return exitFailed, err
	}

	own, err := o.profileOf(ctx, std)
	if err != nil {
		return exitFailed, err
	}
	amendments, err := o.amendmentsOf(ctx, std)
	if err != nil {
		return exitFailed, err
	}

	reader, err := o.reader(nil)
	if err != nil {
		return exitFailed, err
	}
	defer reader.Close()
	reader.WarmOne() // while the files are being opened

	files, closeAll, err := openInputs(ctx, std, names)
	if err != nil {
		return exitFailed, err
	}
	defer closeAll()
	var orderFile *input
	if o.orders != "" {
		if orderFile, err = openInput(ctx, std, o.orders, orders.DefaultLimits().Bytes); err != nil {
			return exitFailed, err
		}
		defer orderFile.close()
	}
	var earlier *input
	if o.carry != "" {
		if earlier, err = openInput(ctx, std, o.carry, orders.DefaultLimits().Bytes); err != nil {
			return exitFailed, err
		}
		defer earlier.close()
	}
	// An output that cannot be written must fail before the time-consuming reading.
	var out *atomicfile.File
	if o.output != "" {
		if out, err = atomicfile.Create(o.output); err != nil {
			return exitFailed, err
		}
		defer out.Discard()
	}

	if err := routing.create(); err != nil {
		return exitFailed, err
	}
	defer routing.discard()

	s, err := o.make(ctx, std, reader, files, orderFile, own, amendments)
	if err != nil {
		return exitFailed, err
	}
	var lost []sheet.LostRow
	if earlier != nil {
		if s, lost, err = carry(ctx, reader, s, own, earlier); err != nil {
			return exitFailed, err
		}
	}
	go reader.Close() // which takes longer than writing
	switch {
	case out != nil:
		if err = writeSheet(out, s, format); err == nil {
			err = out.Commit()
		}
	case !silent:
		err = writeSheet(standardOutput{std.out}, s, format)
	}
	if err != nil {
		return exitFailed, err
	}
	if err := routing.write(s); err != nil {
		return exitFailed, err
	}
	var appended sheet.Appended
	if growing != nil {
		if appended, err = growing.add(ctx, s); err != nil {
			return exitFailed, err
		}
	}
	if !o.quiet {
		summarize(std.err, s, sheet.Listed)
		if growing != nil {
			tell(std.err, "%s", growing.said(appended))
		}
	}
	for i, row := range lost {
		if i == sheet.Listed {
			tell(std.err, "… and %d more rows of %s", len(lost)-i, o.carry)
			break
		}
		tell(std.err, "Not carried over from %s, row %d: %s", o.carry, row.Row, fault.Sentence(row.Why))
	}
	why := strictly(s)
	if len(lost) > 0 {
		why = text.Verb(len(lost), "row", "was", "were") + " not carried over"
	}
	if o.strict && why != "" {
		fmt.Fprintf(std.err, "tallyman sheet: --strict: %s\n", why)
		return exitStrict, nil
	}
	return exitOK, nil
}

// reader starts what reads documents. The caller must close it.
func (o *sheetOptions) reader(log *slog.Logger) (*intake.Reader, error) {
	second, err := tesseract.Find(o.tesseract)
	if err != nil {
		return nil, err
	}
	return intake.New(intake.Config{Workers: o.workers, Time: o.timeout, PageTime: o.pageTimeout, PDFium: o.pdfium, Second: second, Log: log}), nil
}

// outputFormat returns the requested format, or else that of the output's extension.
func (o *sheetOptions) outputFormat(std streams) (sheet.Format, error) {
	f := sheet.CSV
	var err error
	if o.format != "" {
		if f, err = sheet.ParseFormat(o.format); err != nil {
			return "", err
		}
	} else if strings.HasSuffix(strings.ToLower(o.output), sheet.EBOL.Ext()) {
		f = sheet.EBOL
	} else if ext := filepath.Ext(o.output); ext != "" && !strings.EqualFold(ext, ".txt") {
		if f, err = sheet.ParseFormat(ext[1:]); err != nil {
			return "", fault.New(fault.BadRequest, "%s: no sheet can be written as %q; end the name with .csv, .xlsx or .json, or choose one with --format", o.output, ext)
		}
	}
	if f == sheet.XLSX && o.output == "" && terminalOf(std.out).w != nil {
		return "", fault.New(fault.BadRequest, "a workbook cannot be shown on a terminal; name a file with -o")
	}
	return f, nil
}

func openInputs(ctx context.Context, std streams, names []string) (files []intake.File, closeAll func(), err error) {
	var inputs []*input
	closeAll = func() {
		for _, in := range inputs {
			in.close()
		}
	}
	for _, n := range names {
		in, err := openInput(ctx, std, n, pdf.MaxSize)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		inputs = append(inputs, in)
		files = append(files, in.File)
	}
	return files, closeAll, nil
}

// make reads the files and joins them.
func (o *sheetOptions) make(ctx context.Context, std streams, reader *intake.Reader, files []intake.File, orderFile *input, own *profile.Profile, amendments []sheet.Amendment) (*sheet.Sheet, error) {
	var table *orders.Table
	if orderFile != nil {
		// Orders come first: reading them is quick, and a wrong file is a frequent
		// mistake.
		var err error
		if table, err = reader.Orders(ctx, orderFile.File, own.Dialect()); err != nil {
			if fault.CodeOf(err) == fault.NotAnOrderFile {
				err = fault.New(fault.NotAnOrderFile, "%w (bills are named without --orders: tallyman sheet --orders ORDERS BOL.pdf)", err)
			}
			return nil, fault.In(orderFile.Name, err)
		}
		if err := profile.CheckMapped(o.columns, table.Header); err != nil {
			return nil, err
		}
	}
	p := newProgress(std.err, files, o.quiet)
	pages, err := reader.Taught(own.LearntForms()).Pages(ctx, files, p.show)
	p.clear()
	if o.carry == "" {
		go reader.Close() // so that the sheet is made in the memory that the workers give back
	}
	var doc *bol.Document
	if err == nil {
		doc, err = pages.Document()
	}
	if err != nil {
		if fault.CodeOf(err) == fault.NotAPDF && orderFile == nil {
			err = fault.New(fault.NotAPDF, "%w (an order export is named with --orders: tallyman sheet --orders ORDERS BOL.pdf)", err)
		}
		if fault.CodeOf(err) == fault.UnreadForm {
			err = fault.New(fault.UnreadForm, "%w (its form is taught with: tallyman learn BOL.pdf)", err)
		}
		if len(files) == 1 {
			err = fault.In(files[0].Name, err)
		}
		return nil, err
	}
	if o.accept {
		doc = doc.Accept()
	}
	return own.Rules().Amended(doc, table, amendments), nil
}

// writeSheet writes through a buffer. Its fault names the output that cannot be
// written.
func writeSheet(w io.Writer, s *sheet.Sheet, f sheet.Format) error {
	b := bufio.NewWriterSize(w, 64<<10)
	if err := sheet.Write(b, s, f); err != nil {
		return err
	}
	return b.Flush()
}

// standardOutput names standard output in its errors.
type standardOutput struct{ w io.Writer }

func (s standardOutput) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		err = atomicfile.Unwritable("standard output", err)
	}
	return n, err
}

// terminal is a line on a terminal that changes.
type terminal struct {
	w     io.Writer // nil if it is none, on which nothing is shown
	width int
}

// terminalOf returns the line of w, if that is a terminal.
func terminalOf(w io.Writer) (t terminal) {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.w = w
	}
	return t
}

func (t *terminal) show(line string) {
	fmt.Fprintf(t.w, "\r%-*s", t.width, line)
	t.width = len(line)
}

func (t *terminal) clear() {
	if t.width > 0 {
		fmt.Fprintf(t.w, "\r%-*s\r", t.width, "")
	}
}

// progress shows the progress of a long reading on a terminal.
type progress struct {
	terminal
	files []intake.File
	start time.Time
	last  time.Time
}

// Shorter work needs no progress.
const progressAfter = 400 * time.Millisecond

func newProgress(w io.Writer, files []intake.File, quiet bool) *progress {
	p := &progress{files: files, start: time.Now()}
	if !quiet {
		p.terminal = terminalOf(w)
	}
	return p
}

func (p *progress) show(at intake.Progress) {
	now := time.Now()
	if p.w == nil || now.Sub(p.start) < progressAfter || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last = now
	p.terminal.show(fmt.Sprintf("reading %s: %s, %s, %s", visible(filepath.Base(p.files[at.File].Name)),
		text.Count(at.Pages, "page"), text.Count(at.Bills, "bill"), text.Count(at.Lines, "line")))
}

// summarize tells people what was read and what needs their eye, and lists so many
// findings at most.
func summarize(w io.Writer, s *sheet.Sheet, most int) {
	d := s.Document
	line := func(format string, args ...any) { tell(w, format, args...) }
	line("%s, %s, %s", text.Count(d.PageCount(), "page"), text.Count(len(d.Bills), "bill"), text.Count(d.Lines(), "line"))
	counts := fmt.Sprintf("%d reconciled, %d mismatched, %d unchecked",
		d.Count(bol.Reconciled), d.Count(bol.Mismatched), d.Count(bol.Unchecked))
	if n := d.Count(bol.Unproved); n > 0 {
		counts += fmt.Sprintf(", %d unproved", n)
	}
	line("%s", counts)
	if n := d.Held(); n > 0 {
		line("%s not in the sheet, for want of a proof; --accept-unproved puts unproved lines in", text.Verb(n, "line", "is", "are"))
	}
	if s.Orders != nil {
		m := s.Match
		line("%s read (%s)", text.Count(len(s.Orders.Rows), "order row"), s.Orders.Format)
		line("%d matched, %s without order, %s without line, %s", m.Matched,
			text.Count(len(m.UnmatchedLines), "line"), text.Count(len(m.UnmatchedOrders), "order row"),
			text.Count(len(m.NearMisses), "near miss"))
	}
	if n := len(s.Amendments); n > 0 {
		lost := 0
		for i := range s.Amendments {
			if s.Amendments[i].State == sheet.Lost {
				lost++
			}
		}
		line("%s, %d applied, %d without a place", text.Count(n, "amendment"), n-lost, lost)
	}
	for i, f := range s.Findings {
		if i == most {
			line("… and %d more; --format json lists all", len(s.Findings)-i)
			break
		}
		if f.Checked != nil {
			line("(checked by %s) %s", cmp.Or(f.Checked.By, "somebody"), f)
			continue
		}
		line("%s", f)
	}
}

// strictly summarises what --strict counts, "" if there is nothing.
func strictly(s *sheet.Sheet) string {
	var titles []string
	counts := map[string]int{}
	total := 0
	for _, f := range s.Findings {
		if !f.Open() {
			continue
		}
		total++
		if counts[f.Title]++; counts[f.Title] == 1 {
			titles = append(titles, f.Title)
		}
	}
	if total == 0 {
		return ""
	}
	for i, title := range titles {
		titles[i] = fmt.Sprintf("%s (%d)", title, counts[title])
	}
	return fmt.Sprintf("%s to check: %s", text.Count(total, "finding"), strings.Join(titles, ", "))
}
