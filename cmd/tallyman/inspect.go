package main

import (
	"context"
	"slices"
	"time"

	"tallyman/internal/atomicfile"
	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/intake/tesseract"
	"tallyman/internal/overlay"
	"tallyman/internal/profile"
	"tallyman/internal/sheet"
)

const inspectHelp = `Draws one page of a PDF of bills with everything that was read marked on it: the
bill's fields, the columns of its table, its lines and totals; in red what could
not be read. For the question "why is this line wrong?"

Usage: tallyman inspect BOL.pdf --page N -o page.png [--width PIXELS] [--profile FILE]
`

func runInspect(ctx context.Context, std streams, args []string) (int, error) {
	number, width, output, timeout, house := 1, 1600, "", 3*time.Minute, ""
	flags := newFlags(std, "inspect", inspectHelp)
	flags.IntVarP(&number, "page", "p", number, "which page of the document, from 1")
	flags.StringVarP(&output, "output", "o", "", "write the picture, a PNG, to `FILE`")
	flags.IntVar(&width, "width", width, "width of the picture in pixels")
	flags.StringVar(&house, "profile", "", "read by the learnt forms of the profile in `FILE`")
	flags.DurationVar(&timeout, "timeout", timeout, "give up on a file after this `TIME`")
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	switch {
	case flags.NArg() != 1 || output == "" || output == "-":
		return exitFailed, misuse(flags, "name one PDF, and with -o the picture to write")
	case timeout <= 0:
		return exitFailed, misuse(flags, "--timeout must be longer than 0, for example 90s")
	}
	if err := notAnInput(output, append(flags.Args(), house)); err != nil {
		return exitFailed, err
	}
	var own *profile.Profile
	if flags.Changed("profile") {
		var err error
		if own, err = readProfile(ctx, std, house); err != nil {
			return exitFailed, err
		}
	}
	in, err := openInput(ctx, std, flags.Arg(0), pdf.MaxSize)
	if err != nil {
		return exitFailed, err
	}
	defer in.close()
	out, err := atomicfile.Create(output)
	if err != nil {
		return exitFailed, err
	}
	defer out.Discard()

	second, err := tesseract.Find("")
	if err != nil {
		return exitFailed, err
	}
	reader := intake.New(intake.Config{Time: timeout, Second: second})
	defer reader.Close()
	reader.WarmOne()
	picture, err := reader.Picture(ctx, in.File, number, width)
	if err != nil {
		return exitFailed, fault.In(in.Name, err)
	}
	doc, err := reader.Taught(own.LearntForms()).Bills(ctx, []intake.File{in.File}, nil)
	switch code := fault.CodeOf(err); code {
	case "":
	case fault.NoBills, fault.UnreadForm, fault.NoText:
		// The picture still shows why.
		tell(std.err, "%s: %v", in.Name, err)
		doc = &bol.Document{}
	default:
		return exitFailed, fault.In(in.Name, err)
	}
	drawn, err := overlay.Draw(picture.PNG, doc, 0, number, picture.PageWidth)
	if err != nil {
		return exitFailed, err
	}
	if _, err := out.Write(drawn); err != nil {
		return exitFailed, err
	}
	if err := out.Commit(); err != nil {
		return exitFailed, err
	}
	for _, f := range sheet.Make(doc, nil).ToCheck() {
		if slices.ContainsFunc(f.Places, func(p sheet.PlaceView) bool { return p.Page == number }) {
			tell(std.err, "%s", f)
		}
	}
	return exitOK, nil
}
