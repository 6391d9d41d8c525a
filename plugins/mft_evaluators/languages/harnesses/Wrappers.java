import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TreeSet;

/** Sources of classes with the published solution's signatures that pass every call on to the candidate. */
final class Wrappers {
    private Wrappers() {}

    static String source(ClassLoader solved, Set<String> names) throws ClassNotFoundException {
        StringBuilder source = new StringBuilder();
        for (String name : new TreeSet<>(names)) {
            if (!name.contains("$")) {
                wrap(source, solved.loadClass(name));
            }
        }
        return source.toString();
    }

    private static void wrap(StringBuilder source, Class<?> solution) {
        String name = solution.getName();
        source.append("class ").append(name).append(" {\n");
        source.append("  private Object object;\n");
        source.append("  private Object object() throws Throwable {\n");
        source.append("    if (object == null) object = Bridge.create(\"" + name + "\");\n    return object;\n  }\n");
        for (Method method : solution.getDeclaredMethods()) {
            if (!method.isSynthetic() && !Modifier.isPrivate(method.getModifiers())) {
                wrap(source, name, method);
            }
        }
        source.append("}\n");
    }

    private static void wrap(StringBuilder source, String owner, Method method) {
        boolean fixed = Modifier.isStatic(method.getModifiers());
        StringJoiner parameters = new StringJoiner(", ", "(", ")");
        StringJoiner types = new StringJoiner(", ", "new Class<?>[] {", "}");
        StringJoiner values = new StringJoiner(", ", "new Object[] {", "}");
        for (int i = 0; i < method.getParameterCount(); i++) {
            String type = method.getParameterTypes()[i].getCanonicalName();
            parameters.add(type + " a" + i);
            types.add(type + ".class");
            values.add("a" + i);
        }
        String result = method.getReturnType().getCanonicalName();
        String call = String.format("Bridge.call(\"%s\", %s, \"%s\", %s.class, %s, %s)",
            owner, fixed ? "null" : "object()", method.getName(), result, types, values);
        String body = result.equals("void") ? call : "return (" + result + ") " + call;
        source.append(fixed ? "  public static " : "  public ").append(result).append(' ').append(method.getName());
        source.append(parameters).append(" throws Throwable { ").append(body).append("; }\n");
    }
}
