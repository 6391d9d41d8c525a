import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.AbstractMap;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Calls the candidate, and copies what it returns into objects of the JDK, whose `equals` it cannot choose. */
public final class Bridge {
    private static ClassLoader candidate;

    private Bridge() {}

    static void use(ClassLoader loader) {
        candidate = loader;
    }

    /** A new object of a class of the candidate's. */
    public static Object create(String owner) throws Throwable {
        Constructor<?> constructor = candidate.loadClass(owner).getDeclaredConstructor();
        constructor.setAccessible(true);
        try {
            return constructor.newInstance();
        } catch (InvocationTargetException thrown) {
            throw safe(thrown.getCause());
        }
    }

    /** A call of the candidate's; `object` is null for static methods. */
    public static Object call(
            String owner, Object object, String name, Class<?> result, Class<?>[] types, Object[] values)
            throws Throwable {
        Method method = candidate.loadClass(owner).getDeclaredMethod(name, types);
        method.setAccessible(true);
        boolean fixed = Modifier.isStatic(method.getModifiers());
        Object target = fixed ? null : object == null ? create(owner) : object;
        try {
            return fitting(plain(method.invoke(target, values)), result);
        } catch (InvocationTargetException thrown) {
            throw safe(thrown.getCause());
        }
    }

    /** What the candidate has thrown, if it is the JDK's; else what stands for it. */
    private static Throwable safe(Throwable thrown) {
        return ofTheJdk(thrown.getClass()) ? thrown : new RuntimeException(thrown.getClass().getName());
    }

    private static boolean ofTheJdk(Class<?> kind) {
        ClassLoader loader = kind.getClassLoader();
        return loader == null || loader == ClassLoader.getPlatformClassLoader();
    }

    private static Object plain(Object value) {
        if (value == null) {
            return null;
        }
        if (value.getClass().isArray()) {
            return plainArray(value);
        }
        if (value instanceof Optional) {
            return ((Optional<?>) value).map(Bridge::plain);
        }
        if (value instanceof Map) {
            Map<Object, Object> copy = new LinkedHashMap<>();
            ((Map<?, ?>) value).forEach((key, item) -> copy.put(plain(key), plain(item)));
            return copy;
        }
        if (value instanceof Map.Entry) {
            Map.Entry<?, ?> entry = (Map.Entry<?, ?>) value;
            return new AbstractMap.SimpleEntry<>(plain(entry.getKey()), plain(entry.getValue()));
        }
        if (value instanceof Collection) {
            return plainCollection((Collection<?>) value);
        }
        if (ofTheJdk(value.getClass())) {
            return value;
        }
        throw new IllegalArgumentException("a result of the class " + value.getClass().getName() + " is not judged");
    }

    private static Object plainArray(Object array) {
        int length = Array.getLength(array);
        Object copy = Array.newInstance(array.getClass().getComponentType(), length);
        for (int i = 0; i < length; i++) {
            Array.set(copy, i, plain(Array.get(array, i)));
        }
        return copy;
    }

    private static Object plainCollection(Collection<?> collection) {
        Collection<Object> copy = collection instanceof Set ? new LinkedHashSet<>() : new ArrayList<>();
        for (Object item : collection) {
            copy.add(plain(item));
        }
        return copy;
    }

    /** The value as what the method says it returns, such as a LinkedList. */
    @SuppressWarnings("unchecked")
    private static Object fitting(Object value, Class<?> result) throws ReflectiveOperationException {
        if (value == null || result.isPrimitive() || result.isInstance(value)) {
            return value;
        }
        Class<?> made = result.getName().equals("java.util.Queue") || result.getName().equals("java.util.Deque")
            ? java.util.LinkedList.class : result;
        Object other = made.getDeclaredConstructor().newInstance();
        if (value instanceof Collection) {
            ((Collection<Object>) other).addAll((List<Object>) value);
        } else {
            ((Map<Object, Object>) other).putAll((Map<Object, Object>) value);
        }
        return other;
    }
}
