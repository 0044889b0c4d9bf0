package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
	"tallyman/internal/form"
	"tallyman/internal/intake"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/page"
	"tallyman/internal/profile"
	"tallyman/internal/text"
)

const learnHelp = `Teaches the form of a document that is not known. It says what was found on a page:
the columns, and what their lines add up to; options correct that. With --profile the
form is kept there, and "tallyman sheet --profile" reads documents of the form by it,
each of which must still prove itself by its totals.

Usage: tallyman learn [--profile FILE] [--page N] [--name NAME] [--column …] [--total TEXT] [--no-line TEXT] BOL.pdf
       tallyman learn --profile FILE --list | --forget NAME | --rename OLD=NEW

  tallyman learn bol.pdf                                what was found, and the form as TOML
  tallyman learn --column "KOLLI=packages" --column "KILOS=weight kg" bol.pdf
                                                        what headings mean, and in which unit
  tallyman learn --column 310-360=pieces --top 210 bol.pdf
                                                        where a column is, in points, and where rows begin
  tallyman learn --total SUMMA --no-line "Carried over" --profile house.toml bol.pdf
                                                        which rows are the total, and which are not lines
  tallyman learn --not-sum pallets=max --profile house.toml bol.pdf
                                                        a printed total is the largest figure (or count, none)

Fields: packages, package_type, pieces, pallets, unit_type, weight, net_weight,
volume, style, po, description, nmfc, class, pack_size, hazardous, other.
Units: lb, kg, cu ft, m3.

Exit codes: 0 all went well; 1 nothing was learnt; 3 with --strict, the form was learnt
but the document does not prove it.
`

type learnOptions struct {
	profile, name            string
	page                     int
	top                      float64
	columns, notSums         []string
	lines, totals, none, end []string
	list, strict             bool
	forget, rename           string
	timeout                  time.Duration
}

func runLearn(ctx context.Context, std streams, args []string) (int, error) {
	var o learnOptions
	flags := newFlags(std, "learn", learnHelp)
	flags.StringVar(&o.profile, "profile", "", "keep the form in the profile in `FILE`, which is made if it is not there")
	flags.IntVarP(&o.page, "page", "p", 0, "show the form on this page, from 1 (default: the first with a table)")
	flags.StringVar(&o.name, "name", "", "the `NAME` of the form")
	flags.StringArrayVar(&o.columns, "column", nil, "a `COLUMN`: HEADING=FIELD or FROM-TO=FIELD in points, with a unit after the field; can be repeated")
	flags.Float64Var(&o.top, "top", 0, "the rows begin so many `POINTS` below the top of the page")
	flags.StringArrayVar(&o.totals, "total", nil, "rows that begin with `TEXT` are totals; can be repeated, like the next three")
	flags.StringArrayVar(&o.none, "no-line", nil, "rows that begin with `TEXT` are neither lines nor totals")
	flags.StringArrayVar(&o.lines, "line", nil, "rows that begin with `TEXT` are lines")
	flags.StringArrayVar(&o.end, "end", nil, "the table ends above the row that begins with `TEXT`")
	flags.StringArrayVar(&o.notSums, "not-sum", nil, "a `FIELD=KIND` whose printed total is not a sum: max, count or none")
	flags.BoolVar(&o.list, "list", false, "list the learnt forms of the profile")
	flags.StringVar(&o.forget, "forget", "", "forget the learnt form `NAME`")
	flags.StringVar(&o.rename, "rename", "", "give a learnt form another name, as `OLD=NEW`")
	flags.BoolVar(&o.strict, "strict", false, "exit with 3 if the document does not prove the form")
	flags.DurationVar(&o.timeout, "timeout", 3*time.Minute, "give up on a file after this `TIME`")
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	keeping := o.list || flags.Changed("forget") || flags.Changed("rename")
	switch {
	case flags.Changed("profile") && (o.profile == "" || o.profile == "-"):
		return exitFailed, misuse(flags, "--profile needs the name of a file")
	case keeping && (o.profile == "" || flags.NArg() > 0):
		return exitFailed, misuse(flags, "--list, --forget and --rename are about the forms of a profile; name it with --profile, and no document")
	case !keeping && flags.NArg() != 1:
		return exitFailed, misuse(flags, "name one PDF")
	case o.timeout <= 0:
		return exitFailed, misuse(flags, "--timeout must be longer than 0, for example 90s")
	case o.page < 0 || flags.Changed("page") && o.page == 0:
		return exitFailed, misuse(flags, "pages are counted from 1")
	}
	was, own, err := o.read(ctx, std, keeping)
	if err != nil {
		return exitFailed, err
	}
	if keeping {
		return exitOK, o.keep(std, was, own)
	}
	return o.learn(ctx, std, flags.Arg(0), was, own)
}

// read reads the profile: its text and what it says. One that is to be made has the
// defaults.
func (o *learnOptions) read(ctx context.Context, std streams, must bool) ([]byte, *profile.Profile, error) {
	if o.profile == "" {
		return nil, profile.Default(), nil
	}
	if _, err := os.Stat(o.profile); errors.Is(err, fs.ErrNotExist) && !must {
		p := profile.Default()
		return p.TOML(), p, nil
	}
	return readProfileText(ctx, std, o.profile)
}

// keep lists, forgets and renames forms.
func (o *learnOptions) keep(std streams, was []byte, own *profile.Profile) (err error) {
	out := standardOutput{std.out}
	if o.list {
		for _, f := range own.Forms {
			if _, err := fmt.Fprintln(out, visible(fmt.Sprintf("%s: %s, proved on %s%s", f.Name, text.Count(len(f.Columns), "column"), text.Count(len(f.Proved), "document"), trust(&f)))); err != nil {
				return err
			}
		}
		return nil
	}
	next := own
	if o.forget != "" {
		if next, err = next.RenameForm(o.forget, ""); err != nil {
			return fault.In(o.profile, err)
		}
	}
	if o.rename != "" {
		from, to, ok := strings.Cut(o.rename, "=")
		if !ok || strings.TrimSpace(to) == "" {
			return fault.New(fault.BadRequest, "--rename needs the old and the new name, as in OLD=NEW")
		}
		if next, err = next.RenameForm(strings.TrimSpace(from), strings.TrimSpace(to)); err != nil {
			return fault.In(o.profile, err)
		}
	}
	return o.write(was, next)
}

func trust(f *form.Form) string {
	if f.Trusted() {
		return ", trusted"
	}
	return ""
}

// write writes the profile.
func (o *learnOptions) write(was []byte, next *profile.Profile) error {
	return atomicfile.Write(o.profile, atomicfile.Of(profile.Rewrite(was, next)))
}

// learn reads a document, says how, and keeps its form.
func (o *learnOptions) learn(ctx context.Context, std streams, name string, was []byte, own *profile.Profile) (int, error) {
	in, err := openInput(ctx, std, name, pdf.MaxSize)
	if err != nil {
		return exitFailed, err
	}
	defer in.close()
	reader := intake.New(intake.Config{Time: o.timeout})
	defer reader.Close()
	reader.WarmOne()
	pages, err := reader.Unknown(ctx, in.File, o.page)
	if err != nil {
		return exitFailed, fault.In(in.Name, err)
	}
	l, err := o.study(pages, own.Forms)
	if err != nil {
		return exitFailed, fault.In(in.Name, wrongShown(err))
	}
	say := func(format string, args ...any) { tell(std.err, format, args...) }
	say("%s, page %d, read by the form %s:", in.Name, l.Page, text.Quote(l.Form.Name))
	for _, c := range l.Columns {
		say("  %-13s %-24s %7.1f to %7.1f points", strings.TrimSpace(string(c.Field)+" "+string(c.Unit)), cmp.Or(c.Heading, "(no heading)"), c.Left, c.Right)
	}
	for _, s := range l.Sentences {
		say("%s", s)
	}
	if l.Outcome == form.Reconciled {
		say("the printed totals prove what was read")
	} else {
		say("%s: %s", l.Outcome, l.Reason)
	}
	document := ""
	if l.Proved {
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(in, 0, in.Size)); err != nil {
			return exitFailed, unreadable(name, err)
		}
		document = form.Document([32]byte(h.Sum(nil)))
	}
	next, err := own.WithForm(*l.Form, document)
	if err != nil {
		return exitFailed, err
	}
	f := &next.Forms[next.FormNamed(l.Form.Name)]
	if o.profile == "" {
		_, err = standardOutput{std.out}.Write(profile.FormTOML(f))
	} else if err = o.write(was, next); err == nil {
		say("%s has the form now; it was proved on %s%s", o.profile, text.Count(len(f.Proved), "document"), trust(f))
	}
	if err != nil {
		return exitFailed, err
	}
	if o.strict && !l.Proved {
		return exitStrict, nil
	}
	return exitOK, nil
}

// wrongShown makes a fault of a form.FormError.
func wrongShown(err error) error {
	if wrong, ok := errors.AsType[*form.FormError](err); ok {
		return fault.New(fault.BadRequest, "%s", wrong.Error())
	}
	return err
}

// study reads the document by what it prints, and then by the form that this and the
// options make.
func (o *learnOptions) study(pages []page.Page, forms []form.Form) (*form.Lesson, error) {
	if len(pages) == 0 {
		return nil, fault.New(fault.NotFound, "there is nothing to be taught: its first pages are of the known form, or have no text; choose another page with --page")
	}
	shown := &form.Shown{Headings: map[string]form.Field{}}
	units := map[string]form.Unit{}
	var edges []form.FormColumn
	for _, c := range o.columns {
		what, is := c[:max(0, strings.LastIndexByte(c, '='))], c[strings.LastIndexByte(c, '=')+1:]
		field, unit, _ := strings.Cut(strings.TrimSpace(is), " ")
		col := form.FormColumn{Field: form.Field(field), Unit: form.Unit(strings.TrimSpace(unit))}
		if strings.TrimSpace(what) == "" {
			return nil, fault.New(fault.BadRequest, "a column is HEADING=FIELD, as in QTY=packages, or FROM-TO=FIELD, as in 310-360=weight, and %s is not", text.Quote(c))
		}
		if left, right, ok := between(what); ok {
			col.Left, col.Right = left, right
			edges = append(edges, col)
			continue
		}
		shown.Headings[what], units[what] = col.Field, col.Unit
	}
	number := o.page
	if number == 0 {
		number = pages[0].Number
	}
	l, err := form.Study(pages, number, forms, shown)
	if err != nil {
		return nil, err
	}
	if o.page == 0 && l.HeadingsOn > 0 && l.HeadingsOn != number {
		if l, err = form.Study(pages, l.HeadingsOn, forms, shown); err != nil {
			return nil, err
		}
	}
	columns := l.Columns
	for _, heading := range slices.Sorted(maps.Keys(shown.Headings)) {
		i := slices.IndexFunc(columns, func(c form.FormColumn) bool {
			return c.Field == shown.Headings[heading] && strings.Contains(folded(c.Heading), folded(heading))
		})
		if i < 0 {
			return nil, fault.New(fault.BadRequest, "page %d has no heading %s over figures; give the edges of its column, as in 310-360=%s, and where the rows begin with --top", l.Page, text.Quote(heading), shown.Headings[heading])
		}
		columns[i].Unit = cmp.Or(units[heading], columns[i].Unit)
	}
	for _, c := range edges {
		columns = cut(columns, c)
	}
	if len(columns) == 0 {
		return nil, fault.New(fault.BadRequest, "no table was found on page %d; say what its headings mean with --column HEADING=FIELD", l.Page)
	}
	whole := &form.Shown{Name: o.name, Columns: columns, Top: cmp.Or(float32(o.top), l.Top), Totals: map[form.Field]form.TotalKind{}}
	for _, k := range []struct {
		texts []string
		is    form.RowKind
	}{{o.totals, form.TotalRow}, {o.none, form.NoRow}, {o.lines, form.LineRow}, {o.end, form.EndRow}} {
		for _, t := range k.texts {
			whole.Rules = append(whole.Rules, form.RowRule{Begins: t, Is: k.is})
		}
	}
	if l.Kind == form.Learnt {
		whole.Name = cmp.Or(o.name, l.Form.Name)
		whole.Rules = append(whole.Rules, l.Form.Rows...)
		maps.Copy(whole.Totals, l.Form.Totals)
	}
	for _, t := range o.notSums {
		field, kind, _ := strings.Cut(t, "=")
		whole.Totals[form.Field(field)] = form.TotalKind(kind)
	}
	if whole.Name == "" {
		taken := func(name string) bool {
			return slices.ContainsFunc(forms, func(f form.Form) bool { return f.Name == name })
		}
		base := cmp.Or(l.Title, "form")
		whole.Name = base
		for n := 2; taken(whole.Name); n++ {
			whole.Name = fmt.Sprintf("%s %d", base, n)
		}
	}
	return form.Study(pages, l.Page, nil, whole)
}

func folded(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), " ")) }

// between returns the edges of a column, as in 310-360.
func between(s string) (left, right float32, ok bool) {
	from, to, ok := strings.Cut(s, "-")
	l, err := strconv.ParseFloat(strings.TrimSpace(from), 32)
	r, err2 := strconv.ParseFloat(strings.TrimSpace(to), 32)
	return float32(l), float32(r), ok && err == nil && err2 == nil
}

// cut puts a column in place of what others have of its space.
func cut(columns []form.FormColumn, c form.FormColumn) (out []form.FormColumn) {
	for _, o := range columns {
		if o.Field == c.Field && o.Field != form.Other {
			o.Field, o.Unit = form.Other, ""
		}
		switch {
		case o.Right <= c.Left || o.Left >= c.Right:
			out = append(out, o)
		case o.Left < c.Left:
			o.Right = c.Left
			out = append(out, o)
		case o.Right > c.Right:
			o.Left = c.Right
			out = append(out, o)
		}
	}
	return append(out, c)
}
