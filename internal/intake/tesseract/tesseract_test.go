package tesseract_test

import (
	"context"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"tallyman/internal/intake/ocr"
	"tallyman/internal/intake/tesseract"
	"tallyman/internal/intake/worker"
	"tallyman/internal/testing/must"
)

func TestMain(m *testing.M) {
	worker.Main(nil)
	os.Exit(m.Run())
}

// strip draws texts as the rows of a strip.
func strip(t *testing.T, texts ...string) *ocr.Strip {
	t.Helper()
	f, err := opentype.Parse(gomono.TTF)
	must.OK(t, err)
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 42, DPI: 72})
	must.OK(t, err)
	s := &ocr.Strip{Width: 600}
	img := image.NewGray(image.Rect(0, 0, s.Width, len(texts)*ocr.StripRow))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for i, text := range texts {
		s.Words = append(s.Words, i)
		d := font.Drawer{Dst: img, Src: image.NewUniform(color.Black), Face: face, Dot: fixed.P(30, i*ocr.StripRow+52)}
		d.DrawString(text)
	}
	s.Pix = img.Pix
	return s
}

func TestFiguresAreReadWithoutAnythingElseOfTheMachine(t *testing.T) {
	r, err := tesseract.Find("")
	must.OK(t, err)
	if r == nil {
		t.Skipf("%s is not installed", tesseract.Usual)
	}
	texts := []string{"1,234.56", "78", "T24524", "29.3"}
	// What the first reader read decides how often this one looks, not what it sees.
	for _, first := range [][]string{texts, {"1,234.58", "73", "T24624", "29.8"}} {
		got, err := r.Read(context.Background(), strip(t, texts...), first)
		must.OK(t, err)
		for i, text := range texts {
			if !slices.Contains(got[i], text) {
				t.Errorf("%q was read %q", text, got[i])
			}
		}
	}
	if err := r.Try(context.Background()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Read(ctx, strip(t, texts...), texts); err == nil {
		t.Error("it reads although nobody waits")
	}
}

func TestOnlyATrustedFileIsTheSecondReader(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		must.OK(t, os.WriteFile(path, []byte("#!/bin/sh\n"), mode))
		must.OK(t, os.Chmod(path, mode))
		return path
	}
	for setting, says := range map[string]string{
		"tesseract":                  "whole path",
		filepath.Join(dir, "absent"): "cannot be used",
		dir:                          "not a program",
		file("text", 0o644):          "not a program",
		file("shared", 0o777):        "changed by others",
	} {
		if r, err := tesseract.Find(setting); r != nil || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, %v", setting, r, err)
		}
	}
	if r, err := tesseract.Find(tesseract.None); r != nil || err != nil {
		t.Errorf("none: %v, %v", r, err)
	}
	own := file("own", 0o755)
	if r, err := tesseract.Find(own); err != nil || r.Path() != own {
		t.Errorf("%s: %v", own, err)
	}
}
