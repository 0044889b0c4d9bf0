// Command scan measures how scans and photos are read, through the real reader: it invents
// bills, draws their pages, degrades the pictures (package degrade), reads them, and prints a
// table by degradation.
//
//	go run ./bench/scan [--bills 12] [--lines 60] [--seed 1] [--kinds clean,skewed,…] [--form NAME]
//	go run ./bench/scan --bol FILE [--pages 10] [--results FILE] [--workers 2]
//	go run ./bench/scan --plant 1
//
// With --bol, bills of a PDF of one's own take the place of invented ones; what the program
// reads from its text is the truth. A bill is one document with all of its pages. --pages N
// takes one bill of N. --results keeps what was measured, so that a run goes on where it ended.
// --plant redraws so many digits of each picture. Then what is drawn is the truth: no bill may
// be called reconciled, unless it still adds up: within rounding, or where no total is printed.
//
// A second table has the time that a page took beside what it may take, and the memory of a
// worker. --workers 1 reads one document at a time, and has the time of the processors, too.
//
// It exits with 1 if a bill is called reconciled and one of its figures is wrong.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"image"
	"image/draw"
	"image/png"
	"log"
	"log/slog"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"tallyman/internal/bol"
	"tallyman/internal/intake"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/intake/tesseract"
	"tallyman/internal/sample"
	"tallyman/internal/sample/degrade"
	"tallyman/internal/testing/load"
)

// options are the flags.
type options struct {
	sample  sample.Options
	kinds   []degrade.Kind
	bol     string
	share   int
	results string
	workers int
	plant   int
	second  string
	verbose bool
}

func main() {
	intake.RunIfWorker()
	log.SetFlags(0)
	o := options{sample: sample.Defaults(), kinds: degrade.Kinds}
	flag.IntVar(&o.sample.Bills, "bills", o.sample.Bills, "how many bills")
	flag.IntVar(&o.sample.Lines, "lines", o.sample.Lines, "how many lines in all")
	flag.Uint64Var(&o.sample.Seed, "seed", o.sample.Seed, "the seed of the bills and of the pictures")
	flag.StringVar((*string)(&o.sample.Form), "form", string(o.sample.Form), "the form of the bills")
	kinds := flag.String("kinds", "", "the kinds of pictures, separated by commas (default: all)")
	flag.StringVar(&o.bol, "bol", "", "a PDF of bills in place of invented ones")
	flag.IntVar(&o.share, "pages", 1, "take one bill of so many")
	flag.StringVar(&o.results, "results", "", "a file that keeps the results, to go on later")
	flag.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "how many documents are read at once")
	flag.IntVar(&o.plant, "plant", 0, "redraw so many digits of each picture")
	flag.StringVar(&o.second, "tesseract", "", "the second reader, or none")
	flag.BoolVar(&o.verbose, "v", false, "print what was misread")
	flag.Parse()
	if *kinds != "" {
		o.kinds = nil
		for k := range strings.SplitSeq(*kinds, ",") {
			o.kinds = append(o.kinds, degrade.Kind(k))
		}
	}
	var err error
	load.Main("bench/scan", func() { err = run(o) })
	if err != nil {
		log.Fatal(err)
	}
}

// score is what was measured of one bill, or of many.
type score struct {
	Pages, Bills, Whole int
	// Of figures: read right, read wrong, not read.
	Figures, Right, Wrong int
	Styles, StylesRight   int
	Numbers, Named        int // bill numbers
	Misnamed              int // … that are wrong, not missing
	// Reconciled bills; of them those with a wrong, missing or repeated figure or a wrong number,
	// and those with a wrong style that is not named as doubtful.
	Reconciled, False, Silent int
	Confirmed, Chosen, Loose  int // figures
	// Digits redrawn; of them those of bills that still add up; of the others those of bills not
	// called reconciled, and those of bills in which a total differs.
	Planted, Fit, Found, Told int
	Took                      time.Duration `json:"took"`
	// Spent is the time of processors, 0 if others read at the same time.
	Spent time.Duration
}

func (s *score) add(o score) {
	sum, of := reflect.ValueOf(s).Elem(), reflect.ValueOf(o)
	for i := range sum.NumField() {
		sum.Field(i).SetInt(sum.Field(i).Int() + of.Field(i).Int())
	}
}

// job is one bill in one kind of picture.
type job struct {
	bill int
	kind degrade.Kind
}

// result is a line of the file of results.
type result struct {
	Bill  string
	Kind  degrade.Kind
	Score score
}

type bench struct {
	options
	draw   *intake.Reader // draws pages
	reader *intake.Reader
	doc    intake.File
	truth  *bol.Document
	mu     sync.Mutex
	scores map[degrade.Kind]*score
	kept   *os.File
}

func run(o options) error {
	second := load.Must(tesseract.Find(o.second))
	ctx := context.Background()
	config := intake.Config{Second: second, Workers: o.workers, PageTime: time.Hour, Time: time.Hour, Stall: time.Hour, Log: slog.Default()}
	b := &bench{options: o, draw: intake.New(config), reader: intake.New(config), scores: map[degrade.Kind]*score{}}
	defer b.draw.Close()
	defer b.reader.Close()
	var file []byte
	if o.bol != "" {
		file = load.Must(os.ReadFile(o.bol))
	} else {
		var buf bytes.Buffer
		load.Check(load.Must(sample.New(o.sample)).WritePDF(&buf))
		file = buf.Bytes()
	}
	b.doc = intake.File{Name: "bol.pdf", ReaderAt: bytes.NewReader(file), Size: int64(len(file))}
	b.truth = load.Must(b.draw.Bills(ctx, []intake.File{b.doc}, nil))
	for _, k := range o.kinds {
		b.scores[k] = &score{}
	}
	done := b.resume()
	jobs := make(chan job)
	errs := make(chan error, o.workers)
	for range o.workers {
		go func() {
			var first error
			for j := range jobs {
				if first == nil {
					first = b.do(ctx, j)
				}
			}
			errs <- first
		}()
	}
	for i := 0; i < len(b.truth.Bills); i += max(1, o.share) {
		for _, k := range o.kinds {
			if !done[b.truth.Bills[i].Number.Text+" "+string(k)] {
				jobs <- job{i, k}
			}
		}
	}
	close(jobs)
	var err error
	for range o.workers {
		err = errors.Join(err, <-errs)
	}
	b.table()
	b.speed()
	wrong := 0
	for _, s := range b.scores {
		wrong += s.False
	}
	if wrong > 0 {
		err = errors.Join(err, fmt.Errorf("%d bills are called reconciled and are wrong", wrong))
	}
	return err
}

// resume takes the results of a run before.
func (b *bench) resume() (done map[string]bool) {
	done = map[string]bool{}
	if b.results == "" {
		return done
	}
	b.kept = load.Must(os.OpenFile(b.results, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600))
	in := bufio.NewScanner(b.kept)
	for in.Scan() {
		var r result
		if json.Unmarshal(in.Bytes(), &r) == nil && b.scores[r.Kind] != nil {
			b.scores[r.Kind].add(r.Score)
			done[r.Bill+" "+string(r.Kind)] = true
		}
	}
	load.Check(in.Err())
	return done
}

func (b *bench) table() {
	percent := func(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }
	fmt.Println("| picture | bills | reconciled | of them wrong | wrong style unsaid | all right | figures right, % | wrong | unread | confirmed | chosen | styles right, % | numbers right | wrong |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, k := range b.kinds {
		s := b.scores[k]
		fmt.Printf("| %s | %d | %d | %d | %d | %d | %.2f | %d of %d | %d | %d | %d | %.1f | %d | %d |\n", k, s.Bills, s.Reconciled, s.False, s.Silent, s.Whole,
			percent(s.Right, s.Figures), s.Wrong, s.Figures, s.Figures-s.Right-s.Wrong, s.Confirmed, s.Chosen,
			percent(s.StylesRight, s.Styles), s.Named, s.Misnamed)
		if s.Planted > 0 {
			fmt.Printf("%s: %d digits planted, %d in bills that still add up; of %d others %d found, %d by a total that differs\n",
				k, s.Planted, s.Fit, s.Planted-s.Fit, s.Found, s.Told)
		}
	}
}

// cell is a value of a bill, and where it stands: in a line, or, if that is -1, as a total.
type cell struct {
	v     bol.Value
	style bool
	line  int
	name  string
}

// cells returns the figures and styles of a bill.
func cells(b *bol.Bill) (out []cell) {
	add := func(line int, name string, v bol.Value) {
		if v.Text != "" {
			out = append(out, cell{v, name == "style", line, name})
		}
	}
	for i := range b.Lines {
		l := &b.Lines[i]
		add(i, "cartons", l.Cartons.Value)
		add(i, "style", l.Style)
		add(i, "pieces", l.Pieces.Value)
		add(i, "volume", l.Volume.Value)
		add(i, "weight", l.Weight.Value)
	}
	for _, f := range bol.Fields {
		add(-1, "total_"+string(f), b.PrintedTotal(f).Value)
	}
	return out
}

// aligned returns for each value that is wanted the one that was read for it, -1 for none:
// both are in the order of the bill, since the paper in a photo lies elsewhere.
func aligned(want, have []cell) []int {
	cost := make([][]int, len(want)+1)
	for i := range cost {
		cost[i] = make([]int, len(have)+1)
		for j := range cost[i] {
			switch {
			case i == 0:
				cost[i][j] = j
			case j == 0:
				cost[i][j] = i
			default:
				cost[i][j] = min(cost[i-1][j]+1, cost[i][j-1]+1, cost[i-1][j-1]+differ(want[i-1], have[j-1]))
			}
		}
	}
	out := make([]int, len(want))
	for i, j := len(want), len(have); i > 0; {
		switch {
		case j > 0 && cost[i][j] == cost[i-1][j-1]+differ(want[i-1], have[j-1]):
			out[i-1] = j - 1
			i, j = i-1, j-1
		case cost[i][j] == cost[i-1][j]+1:
			out[i-1] = -1
			i--
		default:
			j--
		}
	}
	return out
}

// differ is what it costs to take one value for another.
func differ(a, b cell) int {
	switch {
	case a.style != b.style:
		return 3
	case a.v.Text != b.v.Text:
		return 1
	}
	return 0
}

// same reports whether all figures are those that are wanted, and as many.
func same(wanted, have []cell) bool {
	figures := func(cells []cell) []cell {
		return slices.DeleteFunc(slices.Clone(cells), func(c cell) bool { return c.style })
	}
	return len(wanted) == len(have) && slices.EqualFunc(figures(wanted), figures(have), func(w, h cell) bool { return w.v.Text == h.v.Text })
}

// do reads one bill in one kind of picture, and counts what was right.
func (b *bench) do(ctx context.Context, j job) error {
	want := b.truth.Bills[j.bill]
	s := score{Bills: 1, Numbers: 1}
	random := rand.New(rand.NewPCG(b.sample.Seed, uint64(j.bill)))
	var pictures []intake.File
	drawn, planted := cells(want), 0
	for _, sheet := range want.Sheets {
		p, err := b.draw.Picture(ctx, b.doc, sheet.Page, degrade.Width)
		if err != nil {
			return err
		}
		img, err := png.Decode(bytes.NewReader(p.PNG))
		if err != nil {
			return err
		}
		for range b.plant {
			if plant(img.(*image.RGBA), p, drawn, sheet.Page, random) {
				planted++
			}
		}
		seed := fnv.New64a()
		fmt.Fprint(seed, b.sample.Seed, sheet.Page, j.kind)
		picture, err := degrade.Make(img, j.kind, seed.Sum64())
		if err != nil {
			return err
		}
		pictures = append(pictures, intake.File{Name: fmt.Sprint("scan-", sheet.Page), ReaderAt: bytes.NewReader(picture), Size: int64(len(picture))})
	}
	if planted > 0 {
		var err error
		if want, err = b.with(j.bill, drawn); err != nil {
			return err
		}
	}
	s.Pages = len(pictures)
	before := load.CPU(os.Getpid())
	start := time.Now()
	got := &bol.Document{}
	d, err := b.reader.Bills(ctx, pictures, nil)
	s.Took = time.Since(start)
	if b.workers == 1 {
		s.Spent = load.CPU(os.Getpid()) - before
	}
	var said []string
	say := func(format string, args ...any) {
		said = append(said, fmt.Sprintf("%s, %s: %s\n", want.Number.Text, j.kind, fmt.Sprintf(format, args...)))
	}
	if err == nil {
		got = d
	} else {
		say("%v", err)
	}
	b.count(&s, want, got, planted, say)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.verbose {
		fmt.Print(strings.Join(said, ""))
	}
	b.scores[j.kind].add(s)
	if b.kept != nil {
		line, err := json.Marshal(result{want.Number.Text, j.kind, s})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(b.kept, "%s\n", line)
		return err
	}
	return nil
}

// with returns a bill with other figures.
func (b *bench) with(bill int, figures []cell) (*bol.Bill, error) {
	draft := b.truth.Draft()
	for _, c := range figures {
		var err error
		if c.line < 0 {
			_, err = draft.SetField(bill, c.name, c.v.Text)
		} else {
			_, err = draft.SetCell(bill, c.line, c.name, c.v.Text)
		}
		if err != nil {
			return nil, err
		}
	}
	d, _ := draft.Finish()
	return d.Bills[bill], nil
}

// count compares what was read of a bill with the truth, which has so many planted digits.
func (b *bench) count(s *score, want *bol.Bill, got *bol.Document, planted int, say func(format string, args ...any)) {
	var have, counted []cell // of all bills, and of the reconciled ones
	number, reconciled := "", 0
	sound := true // the reconciled bills have the number that is wanted
	for i, g := range got.Bills {
		have = append(have, cells(g)...)
		if i == 0 {
			number = g.Number.Text
		}
		if g.Verdict.Outcome == bol.Reconciled {
			reconciled++
			counted = append(counted, cells(g)...)
			sound = sound && g.Number.Text == want.Number.Text
		} else {
			say("%s: %s", g.Verdict.Outcome, g.Verdict.Reason)
		}
	}
	if number == want.Number.Text {
		s.Named++
	} else {
		say("the number was read %q", number)
		if number != "" {
			s.Misnamed++
		}
	}
	wanted := cells(want)
	silent := false
	for i, best := range aligned(wanted, have) {
		w := wanted[i]
		fits := best >= 0 && have[best].v.Text == w.v.Text
		if !fits {
			read, state := "", bol.Certainty("")
			if best >= 0 {
				read = have[best].v.Text
				if sight := have[best].v.Sight; sight != nil {
					state = sight.State
				}
			}
			say("%q was read %q (%s)", w.v.Text, read, state)
			if w.style && (best < 0 || state == bol.Confirmed) {
				silent = true
			}
		}
		switch {
		case w.style:
			s.Styles++
			if fits {
				s.StylesRight++
			}
			continue
		case fits:
			s.Right++
		case best >= 0:
			s.Wrong++
		}
		s.Figures++
	}
	for _, h := range have {
		if h.style || h.v.Sight == nil {
			continue
		}
		switch h.v.Sight.State {
		case bol.Confirmed:
			s.Confirmed++
		case bol.Chosen:
			s.Chosen++
			say("chosen %s of %q and %q", h.v.Text, h.v.Sight.First, h.v.Sight.Second)
		default:
			s.Loose++
			say("loose %s: %q and %q", h.v.Text, h.v.Sight.First, h.v.Sight.Second)
		}
	}
	if number == want.Number.Text && same(wanted, have) {
		s.Whole++
	}
	s.Reconciled += reconciled
	fits := want.Verdict.Outcome == bol.Reconciled
	if reconciled > 0 && (!sound || !same(wanted, counted) || planted > 0 && !fits) {
		s.False += reconciled
		say("FALSE")
	}
	if reconciled > 0 && silent {
		s.Silent++
		say("SILENT")
	}
	s.Planted += planted
	switch {
	case fits:
		s.Fit += planted
	case reconciled == 0:
		s.Found += planted
		if slices.ContainsFunc(got.Bills, func(g *bol.Bill) bool { return len(g.Verdict.Differences()) > 0 }) {
			s.Told += planted
		}
	}
	if reconciled == 0 {
		for _, p := range got.Problems {
			say("%s", p.Message)
		}
	}
}

// plant redraws a digit of one of the figures of a page: it gets the picture of another digit
// of the page, in the same type. The figure's text changes likewise. It reports whether there
// are two digits for that.
func plant(img *image.RGBA, p *pdf.Picture, all []cell, number int, random *rand.Rand) bool {
	type digit struct {
		of *bol.Value
		i  int // in its text
		at image.Rectangle
	}
	var found []digit
	scale := float32(img.Rect.Dx()) / p.PageWidth
	for n := range all {
		v := &all[n].v
		if all[n].style || v.Page != number {
			continue
		}
		var in []digit
		for i, c := range []byte(v.Text) {
			if c >= '0' && c <= '9' {
				in = append(in, digit{of: v, i: i})
			}
		}
		box := image.Rect(int(v.Box.X0*scale), int(v.Box.Y0*scale), int(v.Box.X1*scale)+1, int(v.Box.Y1*scale))
		places := tall(img, box)
		if len(places) != len(in) {
			continue // they touch, or something else is there, too
		}
		for i := range in {
			in[i].at = places[i]
		}
		found = append(found, in...)
	}
	for range min(1000, 1000*len(found)) {
		to, from := found[random.IntN(len(found))], found[random.IntN(len(found))]
		if to.of.Text[to.i] == from.of.Text[from.i] {
			continue
		}
		if d := to.at.Dy() - from.at.Dy(); d < -3 || d > 3 {
			continue
		}
		pixels := image.NewRGBA(from.at)
		draw.Draw(pixels, from.at, img, from.at.Min, draw.Src)
		// What is left of a digit is blank.
		draw.Draw(img, to.at, image.NewUniform(img.At(to.at.Min.X-1, to.at.Min.Y)), image.Point{}, draw.Src)
		left := image.Pt((to.at.Min.X+to.at.Max.X-from.at.Dx())/2, to.at.Min.Y)
		draw.Draw(img, from.at.Sub(from.at.Min).Add(left), pixels, from.at.Min, draw.Src)
		text := []byte(to.of.Text)
		text[to.i] = from.of.Text[from.i]
		to.of.Text = string(text)
		return true
	}
	return false
}

// tall returns the places of the tallest pieces of a text, as tall as the text's box, from left to
// right: its digits, but not its commas and points. Between pieces there is a blank column.
func tall(img *image.RGBA, box image.Rectangle) (out []image.Rectangle) {
	type piece struct{ left, right, top, bottom int }
	var pieces []piece
	most, blank := 0, true
	for x := box.Min.X; x < box.Max.X; x++ {
		was := blank
		blank = true
		for y := box.Min.Y; y < box.Max.Y; y++ {
			if img.RGBAAt(x, y).G >= 160 {
				continue
			}
			if blank && was {
				was = false
				pieces = append(pieces, piece{x, x, y, y})
			}
			blank = false
			last := &pieces[len(pieces)-1]
			last.right, last.top, last.bottom = x, min(last.top, y), max(last.bottom, y)
			most = max(most, last.bottom-last.top)
		}
	}
	for _, p := range pieces {
		if 10*(p.bottom-p.top) >= 8*most {
			out = append(out, image.Rect(p.left, box.Min.Y, p.right+1, box.Max.Y))
		}
	}
	return out
}
