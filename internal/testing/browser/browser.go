// Package browser drives a headless Chromium, for tests of the page, pictures of it
// and measurements. It keeps the faults that a page reports: scripts that fail,
// errors on the console, violations of the Content-Security-Policy.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience bounds every wait, so that a wait for something that never happens ends. It
// measures nothing.
const patience = time.Hour

// What is true of Tallyman's page in states for which its readers wait.
const (
	Ready     = "document.querySelector('#step-bills .choose:not(:disabled)')" // for files
	Bills     = "document.querySelector('#step-bills.has') && document.querySelector('.bill')"
	Joined    = "/^(Joined|Unido|[0-9,.]+ (to check|por revisar))$/.test(document.querySelector('#step-sheet .chip')?.textContent) && document.querySelector('#step-orders.has')"
	Inspected = "document.querySelector('.inspector[open] .marks .here') && document.querySelector('.paper img').naturalWidth > 0"
)

// Browser is a running Chromium with a separate profile, which is removed when it
// ends.
type Browser struct {
	ctx  context.Context
	stop []func()
	dir  string
}

// find returns the path of a Chromium. The one without a window of its own needs half of
// the processor's time of the others. Debian's command for it is a script that would
// stay between us and its process.
func find() (string, error) {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path, nil
	}
	for _, name := range []string{"/usr/lib/chromium/chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no Chromium: install it (apt-get install chromium-headless-shell), or set CHROMIUM to its path")
}

// Start starts Chromium. Close must be called.
func Start(ctx context.Context) (*Browser, error) {
	path, err := find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tallyman-chromium")
	if err != nil {
		return nil, err
	}
	b := &Browser{dir: dir}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(dir),
		chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("site-per-process", true), // frames of other sites are targets
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		// Names under example resolve to this machine, and browsers do not trust them
		// without HTTPS.
		chromedp.Flag("host-resolver-rules", "MAP *.example 127.0.0.1"),
		chromedp.Flag("lang", "en-US"), chromedp.Env("LANGUAGE=en_US"),
	)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	b.stop = append(b.stop, stop)
	b.ctx, stop = chromedp.NewContext(ctx)
	b.stop = append(b.stop, stop)
	if err := chromedp.Do(b.ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return b, nil
}

// Close ends Chromium.
func (b *Browser) Close() {
	chromedp.Cancel(b.ctx)
	for i := len(b.stop) - 1; i >= 0; i-- {
		b.stop[i]()
	}
	os.RemoveAll(b.dir)
}

// Tab is a page in a separate window.
type Tab struct {
	ctx  context.Context
	stop func()

	mu     sync.Mutex
	faults []string
}

// Tab opens a tab with separate cookies and storage, like another person's.
func (b *Browser) Tab() (*Tab, error) {
	ctx, stop := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	return newTab(ctx, stop)
}

// Another opens a further tab of the same person.
func (t *Tab) Another() (*Tab, error) {
	ctx, stop := chromedp.NewContext(t.ctx)
	return newTab(ctx, stop)
}

// Frame returns the frame in the page whose address begins with start, as a Tab. It
// must be of another site than the page. Use scripts to act in it: it has no window.
func (t *Tab) Frame(start string) (*Tab, error) {
	waiting, cancel := t.patient()
	defer cancel()
	for {
		all, err := chromedp.Targets(waiting)
		if err != nil {
			return nil, fmt.Errorf("looking for a frame of %s: %w", start, err)
		}
		for _, one := range all {
			if one.Type == "iframe" && strings.HasPrefix(one.URL, start) {
				ctx, stop := chromedp.NewContext(t.ctx, chromedp.WithTargetID(one.TargetID))
				f := &Tab{ctx: ctx, stop: stop}
				if err := f.listen(); err != nil {
					stop()
					return nil, fmt.Errorf("opening a frame: %w", err)
				}
				return f, nil
			}
		}
		select {
		case <-waiting.Done():
			return nil, fmt.Errorf("there is no frame of %s", start)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (t *Tab) listen() error {
	if err := chromedp.Listen(t.ctx, t.hear); err != nil {
		return err
	}
	if _, err := chromedp.Call(t.ctx, runtime.Enable, cdp.Empty{}); err != nil {
		return err
	}
	_, err := chromedp.Call(t.ctx, log.Enable, cdp.Empty{})
	return err
}

func newTab(ctx context.Context, stop func()) (*Tab, error) {
	t := &Tab{ctx: ctx, stop: stop}
	err := t.listen()
	if err == nil {
		err = t.Size(1440, 900, false)
	}
	if err == nil {
		err = t.Prefer("light")
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("opening a tab: %w", err)
	}
	return t, nil
}

// Close closes the tab.
func (t *Tab) Close() { t.stop() }

func (t *Tab) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		d := e.ExceptionDetails
		text := d.Text
		if d.Exception != nil {
			text += " " + d.Exception.Description
		}
		t.fault("script: %s (%s:%d)", text, d.URL, d.LineNumber+1)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, a := range e.Args {
				words = append(words, string(a.Value)+a.Description)
			}
			t.fault("console: %s", strings.Join(words, " "))
		}
	case *log.EventEntryAdded:
		// An error answer to a request is not a fault of the page.
		if e.Entry.Source != log.EntrySourceNetwork && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			t.fault("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	}
}

func (t *Tab) fault(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, fmt.Sprintf(format, args...))
}

// Faults returns the faults of the tab so far.
func (t *Tab) Faults() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.faults...)
}

// patient returns the context of one action.
func (t *Tab) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.ctx, patience)
}

// command sends a command of the protocol and ignores its answer.
func command[P, R any](t *Tab, c cdp.Command[P, R], params P) error {
	ctx, cancel := t.patient()
	defer cancel()
	_, err := chromedp.Call(ctx, c, params)
	return err
}

func (t *Tab) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := t.patient()
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// Go loads an address, and waits until it has loaded.
func (t *Tab) Go(url string) error { return t.do(chromedp.Navigate(url)) }

// Reload loads the page again.
func (t *Tab) Reload() error { return t.do(chromedp.Reload()) }

// Value evaluates an expression in the page, waits for it if it is a promise,
// and returns its value.
func Value[T any](t *Tab, expression string) (T, error) {
	ctx, cancel := t.patient()
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Run evaluates an expression for its effect.
func (t *Tab) Run(expression string) error {
	_, err := Value[bool](t, "(async () => { "+expression+"; return true; })()")
	return err
}

// replaced tells whether an error says that the page went away for another one while an
// expression was evaluated in it.
func replaced(err error) bool {
	var e *cdproto.Error
	return errors.As(err, &e) && (strings.Contains(e.Message, "navigated or closed") || strings.Contains(e.Message, "context"))
}

// ask evaluates an expression that may be evaluated twice, again if the page was being
// replaced.
func ask[T any](t *Tab, expression string) (T, error) {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		v, err := Value[T](t, expression)
		if err == nil || !replaced(err) || t.ctx.Err() != nil || time.Now().After(end) {
			return v, err
		}
	}
}

// Until waits until an expression is true. The error describes what the page shows
// instead.
func (t *Tab) Until(expression string) error {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		ok, err := Value[bool](t, "Boolean("+expression+")")
		if err == nil && ok {
			return nil
		}
		if time.Now().After(end) || t.ctx.Err() != nil {
			text, _ := Value[string](t, "document.body ? document.body.innerText.slice(0, 1500) : ''")
			return fmt.Errorf("%s never became true (%v); the page shows:\n%s", expression, err, text)
		}
	}
}

// Files puts files into a file input.
func (t *Tab) Files(selector string, paths ...string) error {
	return t.do(chromedp.SetUploadFiles(chromedp.CSS(selector), paths))
}

// Pick runs an action that makes the page ask for files, and chooses files. It fails
// if the page does not ask.
func (t *Tab) Pick(ask func() error, paths ...string) error {
	ctx, cancel := t.patient()
	defer cancel()
	asked := make(chan cdp.BackendNodeID, 1)
	if err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*page.EventFileChooserOpened); ok {
			asked <- e.BackendNodeID
		}
	}); err != nil {
		return err
	}
	if err := command(t, page.SetInterceptFileChooserDialog, page.SetInterceptFileChooserDialogParams{Enabled: true}); err != nil {
		return err
	}
	if err := ask(); err != nil {
		return err
	}
	select {
	case node := <-asked:
		return command(t, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: paths, BackendNodeID: node})
	case <-ctx.Done():
		return errors.New("the page opens no file dialog")
	}
}

// point is a place in the window, in CSS pixels.
type point struct{ X, Y float64 }

// middle scrolls to what a selector finds and returns its middle. The page may replace it
// meanwhile: then it looks again.
func (t *Tab) middle(selector string) (point, error) {
	for {
		if err := t.Until(fmt.Sprintf("document.querySelector(%q) && !document.querySelector(%q).disabled", selector, selector)); err != nil {
			return point{}, err
		}
		at, err := ask[*point](t, fmt.Sprintf(`(() => {
			const e = document.querySelector(%q);
			if (!e) return null;
			e.scrollIntoView({ block: "center", inline: "nearest" });
			const r = e.getBoundingClientRect();
			return { X: r.x + r.width / 2, Y: r.y + r.height / 2 };
		})()`, selector))
		if err != nil {
			return point{}, err
		}
		if at != nil {
			return *at, nil
		}
	}
}

// target is what the mouse or a finger is to meet: what a selector finds or, if exact is set, a
// place in it.
type target struct {
	selector string
	x, y     float64 // parts of its width and height
	exact    bool
}

// aim scrolls to a target and returns where it is, null if it is not there or disabled. It lets
// the press and the click that follow through only if they meet the target. It leaves in aimed
// whether they did, what else they met, whether the click is over, and whether the target went
// away when it was pressed. Something that takes hold of the pointer, or that goes away then, is
// met too.
const aim = `((selector, x, y, exact) => {
	const e = document.querySelector(selector);
	if (!e || e.disabled) return null;
	if (!exact) e.scrollIntoView({ block: "center", inline: "nearest" });
	const place = () => {
		const r = e.getBoundingClientRect();
		return { X: r.x + x * r.width, Y: r.y + y * r.height };
	};
	const near = (event) => Math.abs(event.clientX - place().X) < 2 && Math.abs(event.clientY - place().Y) < 2;
	const kinds = ["pointerdown", "mousedown", "pointerup", "mouseup", "click"];
	const aimed = window.aimed = { met: false, done: false, gone: false, other: "nothing" };
	const watch = (event) => {
		if (event.type === "click") aimed.end(); // what the page clicks in turn is not ours
		const on = event.composedPath().includes(e);
		if (event.type === "pointerdown") aimed.met = on && (!exact || near(event));
		if (event.type === "click" && aimed.met && !on && e.isConnected) {
			const r = e.getBoundingClientRect();
			aimed.met = r.left <= event.clientX && event.clientX <= r.right && r.top <= event.clientY && event.clientY <= r.bottom;
		}
		aimed.done ||= event.type === "click";
		if (aimed.met) return;
		aimed.other = event.target.outerHTML?.slice(0, 200);
		event.preventDefault();
		event.stopImmediatePropagation();
	};
	for (const kind of kinds) addEventListener(kind, watch, true);
	const pressed = () => { aimed.gone ||= !e.isConnected; };
	for (const kind of kinds.slice(0, 2)) addEventListener(kind, pressed);
	aimed.end = () => {
		for (const kind of kinds) removeEventListener(kind, watch, true);
		for (const kind of kinds.slice(0, 2)) removeEventListener(kind, pressed);
	};
	return place();
})(%q, %g, %g, %t)`

// hit acts on a target. The page may move it away between the look where it is and the press:
// then it acts again, and what was met instead hears nothing.
func (t *Tab) hit(to target, act func(point) error) error {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		at, err := ask[*point](t, fmt.Sprintf(aim, to.selector, to.x, to.y, to.exact))
		if err != nil {
			return err
		}
		if at == nil {
			if err := t.Until(fmt.Sprintf("((e) => e && !e.disabled)(document.querySelector(%q))", to.selector)); err != nil {
				return err
			}
			continue
		}
		if err := act(*at); err != nil {
			return err
		}
		// A click that loads another page takes aimed away.
		other, err := ask[string](t, "!window.aimed || (aimed.end(), aimed.met) ? '' : aimed.other")
		if err != nil || other == "" {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("a press at %s meets %s", to.selector, other)
		}
	}
}

// held reports whether a press just met its target. What follows is not a click, and goes
// wherever it goes.
func (t *Tab) held() (bool, error) { return ask[bool](t, "aimed.met && (aimed.end(), true)") }

// click clicks a target. If the page draws it anew between press and release, the browser makes
// no click of them: then it clicks again, but not for ever, since some targets are drawn anew by
// each press, which was what they needed.
func (t *Tab) click(to target) error {
	for tries := 0; ; tries++ {
		if err := t.hit(to, func(at point) error { return t.do(chromedp.MouseClickXY(at.X, at.Y)) }); err != nil {
			return err
		}
		lost, err := ask[bool](t, fmt.Sprintf("Boolean(window.aimed && !aimed.done && !aimed.gone && document.querySelector(%q))", to.selector))
		if err != nil || !lost || tries == 2 {
			return err
		}
	}
}

// Click clicks what a selector finds, with the mouse.
func (t *Tab) Click(selector string) error { return t.click(target{selector, 0.5, 0.5, false}) }

// ClickIn clicks a place in what a selector finds, in parts of its width and height. It must be
// in sight.
func (t *Tab) ClickIn(selector string, x, y float64) error {
	return t.click(target{selector, x, y, true})
}

// Drag presses the mouse on the middle of what a selector finds, moves it by dx and dy CSS
// pixels, and releases it.
func (t *Tab) Drag(selector string, dx, dy float64) error {
	return t.drag(target{selector, 0.5, 0.5, false}, dx, dy)
}

// DragIn does so from a place in what a selector finds, in parts of its width and height. It
// must be in sight.
func (t *Tab) DragIn(selector string, x, y, dx, dy float64) error {
	return t.drag(target{selector, x, y, true}, dx, dy)
}

func (t *Tab) drag(from target, dx, dy float64) error {
	return t.hit(from, func(at point) error {
		mouse := func(kind input.DispatchMouseEventType, part float64) error {
			return command(t, input.DispatchMouseEvent, input.DispatchMouseEventParams{
				Type: kind, X: at.X + dx*part, Y: at.Y + dy*part, Button: input.MouseButtonLeft, Buttons: 1, ClickCount: 1})
		}
		if err := mouse(input.DispatchMouseEventTypeMousePressed, 0); err != nil {
			return err
		}
		held, err := t.held()
		if err != nil {
			return err
		}
		if !held {
			return mouse(input.DispatchMouseEventTypeMouseReleased, 0)
		}
		for _, part := range []float64{0.5, 1} {
			if err := mouse(input.DispatchMouseEventTypeMouseMoved, part); err != nil {
				return err
			}
		}
		return mouse(input.DispatchMouseEventTypeMouseReleased, 1)
	})
}

// touch sends an event of a finger, which is nowhere if at is nil.
func (t *Tab) touch(kind input.DispatchTouchEventType, at *point) error {
	points := []*input.TouchPoint{}
	if at != nil {
		points = append(points, &input.TouchPoint{X: at.X, Y: at.Y})
	}
	return command(t, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points})
}

// tapped is true once the click of a tap is over, which comes later than the finger's events.
const tapped = "!window.aimed || aimed.done"

// Tap taps what a selector finds, with a finger. The window must be a phone's.
func (t *Tab) Tap(selector string) error {
	return t.hit(target{selector, 0.5, 0.5, false}, func(at point) error {
		if err := t.touch(input.DispatchTouchEventTypeTouchStart, &at); err != nil {
			return err
		}
		if err := t.touch(input.DispatchTouchEventTypeTouchEnd, nil); err != nil {
			return err
		}
		return t.Until(tapped)
	})
}

// Swipe puts a finger on the middle of what a selector finds, moves it by dx and dy CSS pixels,
// and lifts it. The window must be a phone's.
func (t *Tab) Swipe(selector string, dx, dy float64) error {
	return t.hit(target{selector, 0.5, 0.5, false}, func(at point) error {
		if err := t.touch(input.DispatchTouchEventTypeTouchStart, &at); err != nil {
			return err
		}
		held, err := t.held()
		if err != nil {
			return err
		}
		for _, part := range []float64{0.5, 1} {
			if !held {
				break
			}
			if err := t.touch(input.DispatchTouchEventTypeTouchMove, &point{at.X + dx*part, at.Y + dy*part}); err != nil {
				return err
			}
		}
		if err := t.touch(input.DispatchTouchEventTypeTouchEnd, nil); err != nil || held {
			return err
		}
		return t.Until(tapped)
	})
}

// Press presses keys: characters, or those of package kb.
func (t *Tab) Press(keys string, modifiers ...chromedp.Modifier) error {
	for _, key := range keys {
		if err := t.strike(stroke(key, modifiers)); err != nil {
			return err
		}
	}
	return nil
}

// Hold holds a key until a function returns, and longer: until the keyboard repeats it.
func (t *Tab) Hold(key rune, until func()) error {
	down, up := stroke(key, nil)
	if err := t.strike(down); err != nil {
		return err
	}
	until()
	repeat := true
	down.AutoRepeat = &repeat
	return t.strike(down, up)
}

func (t *Tab) strike(events ...input.DispatchKeyEventParams) error {
	for _, e := range events {
		if err := command(t, input.DispatchKeyEvent, e); err != nil {
			return err
		}
	}
	return nil
}

// stroke returns the events of a key. As from a keyboard, what it types comes with its going
// down: as an event of its own it would come to where the focus is by then.
func stroke(key rune, modifiers []chromedp.Modifier) (down, up input.DispatchKeyEventParams) {
	events := kb.Encode(key)
	down, up = *events[0], *events[len(events)-1]
	if len(events) > 2 {
		down.Type, down.Text, down.UnmodifiedText = input.DispatchKeyEventTypeKeyDown, events[1].Text, events[1].UnmodifiedText
	}
	for _, m := range modifiers {
		down.Modifiers |= int64(m)
		up.Modifiers |= int64(m)
	}
	return down, up
}

// Drop drops files on what a selector finds.
func (t *Tab) Drop(selector string, paths ...string) error {
	at, err := t.middle(selector)
	if err != nil {
		return err
	}
	return t.drop(at, &input.DragData{Items: []*input.DragDataItem{}, Files: paths, DragOperationsMask: 1})
}

func (t *Tab) drop(at point, data *input.DragData) error {
	for _, kind := range []input.DispatchDragEventType{"dragEnter", "dragOver", "drop"} {
		if err := command(t, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at.X, Y: at.Y, Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// Carry drags what a selector finds with the mouse, and drops it on what another finds.
// It fails if the page does not let it be dragged.
func (t *Tab) Carry(from, to string) error {
	ctx, cancel := t.patient()
	defer cancel()
	held := make(chan *input.DragData, 1)
	if err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*input.EventDragIntercepted); ok {
			held <- e.Data
		}
	}); err != nil {
		return err
	}
	if err := command(t, input.SetInterceptDrags, input.SetInterceptDragsParams{Enabled: true}); err != nil {
		return err
	}
	if err := t.Drag(from, 40, 40); err != nil {
		return err
	}
	select {
	case data := <-held:
		at, err := t.middle(to)
		if err != nil {
			return err
		}
		return t.drop(at, data)
	case <-ctx.Done():
		return fmt.Errorf("%s cannot be dragged", from)
	}
}

// Size sets the size of the window, in CSS pixels.
func (t *Tab) Size(width, height int64, phone bool) error {
	if err := command(t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: phone}); err != nil {
		return err
	}
	return command(t, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: phone})
}

// Prefer sets the reader's colour scheme, "light" or "dark", and reduced motion.
func (t *Tab) Prefer(scheme string) error {
	return command(t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// Speak sets the reader's locale, such as "de_DE".
func (t *Tab) Speak(locale string) error {
	return command(t, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: locale})
}

// Save makes downloads go to a directory.
func (t *Tab) Save(dir string) error {
	ctx, cancel := t.patient()
	defer cancel()
	c := chromedp.FromContext(ctx)
	_, err := cdp.Call(ctx, c.Browser, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: c.BrowserContextID, DownloadPath: dir,
	})
	return err
}

// Picture returns the window as a PNG.
func (t *Tab) Picture() ([]byte, error) {
	ctx, cancel := t.patient()
	defer cancel()
	return chromedp.Run(ctx, chromedp.CaptureScreenshot())
}
