package main

import (
	"fmt"
	"strings"

	"tallyman/internal/browser"
	"tallyman/internal/service"
	"tallyman/sample"
)

// measured are figures of one visit, in bytes and milliseconds.
type measured struct {
	Bytes, Requests, Paint, Ready, Rows, Frames, Worst, Over float64
}

// measure prints what the first paint costs and how smooth a long sheet is.
func (m *maker) measure(rows int) error {
	place, err := m.start(service.Options{})
	if err != nil {
		return err
	}
	defer place.Close()
	t, err := m.browser.Tab()
	if err != nil {
		return err
	}
	defer t.Close()
	const enabled = "document.querySelector('#step-bills .choose:not(:disabled)')"
	if err := steps(t.Go("about:blank"), t.Go(place.URL), t.Until(enabled)); err != nil {
		return err
	}
	first, err := browser.Value[measured](t, `(async () => {
		const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
		return { Bytes: all.reduce((n, e) => n + e.transferSize, 0), Requests: all.length,
			Paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0, Ready: Math.max(...all.map((e) => e.responseEnd)) };
	})()`)
	if err != nil {
		return err
	}
	fmt.Printf("first visit: %.0f bytes in %.0f requests; painted after %.0f ms, the last answer after %.0f ms\n", first.Bytes, first.Requests, first.Paint, first.Ready)

	s, err := sample.New(sample.Options{Bills: max(1, rows/5), Lines: rows, Seed: 3})
	if err != nil {
		return err
	}
	pdf, err := m.file("rows.pdf", s.WritePDF)
	if err != nil {
		return err
	}
	err = steps(t.Files("#bills-files", pdf), t.Until(shown), t.Click("#tab-sheet"), t.Until("document.querySelector('.gridrow')"))
	if err != nil {
		return err
	}
	scrolled, err := browser.Value[measured](t, `(async () => {
		const grid = document.querySelector(".grid"), times = [];
		let last = await new Promise(requestAnimationFrame);
		for (let i = 0; i < 400; i++) {
			grid.scrollTop = (grid.scrollHeight - grid.clientHeight) * (i / 400);
			const now = await new Promise(requestAnimationFrame);
			times.push(now - last);
			last = now;
		}
		return { Rows: Number(grid.getAttribute("aria-rowcount")) - 1, Frames: times.length, Worst: Math.max(...times), Over: times.filter((t) => t > 50).length };
	})()`)
	if err != nil {
		return err
	}
	fmt.Printf("scrolling %.0f rows from end to end: %.0f frames, the longest %.1f ms, %.0f over 50 ms\n", scrolled.Rows, scrolled.Frames, scrolled.Worst, scrolled.Over)
	if faults := t.Faults(); len(faults) > 0 {
		return fmt.Errorf("the page reports: %s", strings.Join(faults, "; "))
	}
	return nil
}
