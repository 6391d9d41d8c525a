import java.io.StringWriter;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.tools.JavaCompiler;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** Compiles one source, whose public classes may have any name, and loads its classes. */
final class Sources {
    private Sources() {}

    static ClassLoader load(String file, ClassLoader parent, String libraries) throws Exception {
        Path folder = Files.createDirectory(Path.of("classes").toAbsolutePath());
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        List<String> options =
            List.of("-proc:none", "-nowarn", "-Xlint:none", "-d", folder.toString(), "-cp", libraries);
        StringWriter messages = new StringWriter();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
            List<Text> units = List.of(new Text(Files.readString(Path.of(file))));
            if (!compiler.getTask(messages, files, null, options, null, units).call()) {
                throw new IllegalArgumentException("it does not compile: " + messages.toString().split("\n")[0]);
            }
        }
        return new URLClassLoader(new URL[] {folder.toUri().toURL()}, parent);
    }

    private static final class Text extends SimpleJavaFileObject {
        private final String source;

        Text(String source) {
            super(URI.create("string:///Source.java"), Kind.SOURCE);
            this.source = source;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreErrors) {
            return source;
        }

        @Override
        public boolean isNameCompatible(String name, Kind kind) {
            return true;
        }
    }
}
