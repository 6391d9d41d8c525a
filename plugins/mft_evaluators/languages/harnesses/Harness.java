import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * Reads the nonce, compiles tests and candidate apart, runs the tests, and tells the nonce after their end.
 * The nonce comes on standard input, and goes to the descriptor of standard error, since Java opens no others by number.
 * It is only in a variable of main, whose frame no reflection reaches.
 */
public final class Harness {
    private static final Pattern CLASS = Pattern.compile("\\bclass\\s+(\\w+)");

    private Harness() {}

    public static void main(String[] arguments) throws Throwable {
        byte[] nonce;
        try (FileInputStream input = new FileInputStream(FileDescriptor.in)) {
            byte[] buffer = new byte[64];
            nonce = Arrays.copyOf(buffer, Math.max(0, input.read(buffer)));
            Arrays.fill(buffer, (byte) 0);
        }
        System.setErr(System.out);
        byte[] mask = new byte[nonce.length];
        new java.security.SecureRandom().nextBytes(mask);
        mix(nonce, mask);
        try (FileOutputStream output = new FileOutputStream(FileDescriptor.err)) {
            runTests();
            mix(nonce, mask);
            output.write(nonce);
        } catch (Throwable failure) {
            System.err.println(failure);
            System.err.flush();
            Runtime.getRuntime().halt(1);
        }
        Runtime.getRuntime().halt(0);
    }

    private static void mix(byte[] nonce, byte[] mask) {
        for (int i = 0; i < nonce.length; i++) {
            nonce[i] ^= mask[i];
        }
    }

    private static void runTests() throws Throwable {
        String reference = Files.readString(Path.of("reference.txt"));
        String tests = Files.readString(Path.of("tests.txt"));
        Path together = compile("together", reference + "\n" + tests, List.of());
        Set<String> solved = classes(together);
        CLASS.matcher(tests).results().forEach(declared -> solved.remove(declared.group(1)));
        String wrappers = Wrappers.source(loader(ClassLoader.getPlatformClassLoader(), together), solved);
        Path wrapped = compile("wrapped", wrappers, List.of(Path.of("harness")));
        Path candidate = compile("candidate", Files.readString(Path.of("candidate.txt")), List.of());
        Bridge.use(new Confined(url(candidate)));
        ClassLoader trusted = loader(Harness.class.getClassLoader(), wrapped, together);
        trusted.setDefaultAssertionStatus(true);
        Method main = trusted.loadClass("Main").getDeclaredMethod("main", String[].class);
        main.setAccessible(true);
        try {
            main.invoke(null, (Object) new String[0]);
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    /** The names of all classes in a folder. */
    private static Set<String> classes(Path folder) throws Exception {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString().replace(".class", "")).collect(Collectors.toSet());
        }
    }

    private static URL url(Path folder) throws Exception {
        return folder.toUri().toURL();
    }

    private static ClassLoader loader(ClassLoader parent, Path... folders) throws Exception {
        List<URL> urls = new ArrayList<>();
        for (Path folder : folders) {
            urls.add(url(folder));
        }
        return new URLClassLoader(urls.toArray(new URL[0]), parent);
    }

    private static Path compile(String name, String source, List<Path> libraries) throws Exception {
        Path folder = Files.createDirectory(Path.of(name).toAbsolutePath());
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        String path = libraries.isEmpty() ? folder.toString() : libraries.get(0).toString();
        List<String> options = List.of("-proc:none", "-nowarn", "-Xlint:none", "-d", folder.toString(), "-cp", path);
        StringWriter messages = new StringWriter();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
            boolean compiled = compiler.getTask(messages, files, null, options, null, List.of(new Text(source))).call();
            if (!compiled) {
                throw new IllegalArgumentException(name + " does not compile: " + messages.toString().split("\n")[0]);
            }
        }
        return folder;
    }

    /** A source in memory; its public classes may have any name. */
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

    /** Loads the candidate's classes; it sees the JDK's documented packages, and nothing of the harness or the tests. */
    private static final class Confined extends URLClassLoader {
        Confined(URL folder) {
            super(new URL[] {folder}, ClassLoader.getPlatformClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            boolean internal = name.startsWith("sun.") || name.startsWith("jdk.") || name.startsWith("com.sun.");
            if (internal && !name.startsWith("jdk.internal.reflect.")) {
                throw new ClassNotFoundException(name);
            }
            return super.loadClass(name, resolve);
        }
    }
}
