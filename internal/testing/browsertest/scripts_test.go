package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/internal/testing/node"
)

const scripts = "../../httpapi/web"

// module lays out the page's scripts as Node needs modules, with the tests of those
// that need no browser.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	copyAll := func(from, to string) {
		files, err := filepath.Glob(filepath.Join(from, "*.js"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no scripts in %s: %v", from, err)
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(filepath.Join(to, filepath.Base(file)), b, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	copyAll(scripts, dir)
	copyAll("scripts", filepath.Join(dir, "scripts"))
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type": "module"}`), 0o644); err != nil {
		t.Fatal(err)
	}
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
	if err != nil {
		t.Fatal(err)
	}
	check := func(dir string) (string, error) {
		out, err := exec.Command("node", filepath.Join(modules, "typescript", "bin", "tsc"), "-p", dir).CombinedOutput()
		return string(out), err
	}
	dir := module(t)
	settings := `{"compilerOptions": {"allowJs": true, "checkJs": true, "noEmit": true, "target": "es2022", "module": "es2022",
		"moduleResolution": "bundler", "lib": ["es2023", "dom", "dom.iterable"], "types": []}, "include": ["*.js"]}`
	if err := os.WriteFile(filepath.Join(dir, "tsconfig.json"), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := check(dir); err != nil {
		t.Errorf("tsc: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "wrong.js"), []byte("import { nothing } from \"./format.js\";\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := check(dir); err == nil || !strings.Contains(out, "wrong.js") {
		t.Errorf("an import of a missing name passes: %v\n%s", err, out)
	}
}

func TestTheTypesOfEveryScriptAreChecked(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(scripts, "*.js"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(b), "// @ts-check\n") {
			t.Errorf("%s does not begin with // @ts-check", filepath.Base(file))
		}
	}
}
