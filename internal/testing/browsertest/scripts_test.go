package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/internal/testing/must"
	"tallyman/internal/testing/node"
)

const scripts = "../../httpapi/web"

// module lays out the page's scripts as Node needs modules, with the tests of those
// that need no browser.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	copyAll := func(from, to, pattern string) {
		files, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s in %s: %v", pattern, from, err)
		}
		must.OK(t, os.MkdirAll(to, 0o755))
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(filepath.Join(to, filepath.Base(file)), b, 0o644)
			}
			must.OK(t, err)
		}
	}
	copyAll(scripts, dir, "*.js")
	copyAll(scripts, dir, "*.html")
	copyAll("scripts", filepath.Join(dir, "scripts"), "*.js")
	must.OK(t, os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type": "module"}`), 0o644))
	return dir
}

// The rules of the page that need no browser: states, formats, issues.
func TestTheRulesOfThePage(t *testing.T) {
	cmd := exec.Command("node", "--test", "scripts")
	cmd.Dir = module(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("node --test: %v\n%s", err, out)
	}
}

func TestTheTypesOfThePagesScriptsAgree(t *testing.T) {
	modules, err := node.Modules(t.Context())
	must.OK(t, err)
	dir := module(t)
	settings := `{"compilerOptions": {"allowJs": true, "checkJs": true, "noEmit": true, "target": "es2022", "module": "es2022",
		"moduleResolution": "bundler", "lib": ["es2023", "dom", "dom.iterable"], "types": []}, "include": ["*.js"]}`
	must.OK(t, os.WriteFile(filepath.Join(dir, "tsconfig.json"), []byte(settings), 0o644))
	// The only fault is the one that shows that faults are found.
	must.OK(t, os.WriteFile(filepath.Join(dir, "wrong.js"), []byte("import { nothing } from \"./format.js\";\n"), 0o644))
	out, err := exec.Command("node", filepath.Join(modules, "typescript", "bin", "tsc"), "-p", dir).CombinedOutput()
	if said := strings.TrimSpace(string(out)); err == nil || !strings.Contains(said, "wrong.js(1,") || strings.Contains(said, "\n") {
		t.Errorf("tsc: %v\n%s", err, said)
	}
}

func TestTheTypesOfEveryScriptAreChecked(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(scripts, "*.js"))
	must.OK(t, err)
	for _, file := range files {
		b := must.Read(t, file)
		if !strings.HasPrefix(string(b), "// @ts-check\n") {
			t.Errorf("%s does not begin with // @ts-check", filepath.Base(file))
		}
	}
}
