"""Words that mean the same here: Cantonese, the words of three places, English and its misspellings.

In the characters of `characters.py`, so each stands once for all scripts. Only what is certain: what also means something
else stays as it is, or has a pattern that says where it does not.
"""

from __future__ import annotations

# --- Cantonese -> written Chinese ------------------------------------------------------------------------------------

# Who writes one of these writes Cantonese.
CANTONESE_MARKS = (
    "[唔冇咗嘅喺佢哋啲咁噉嚟乜攞睇揾畀俾嗰咩嘢㗎啱喇]"
    "|点样|点解|点算|边度|边个|几多|而家|依家|听日|琴日|寻日|系咪|仲未|净系"
)  # fmt: skip

CANTONESE = {
    # questions
    "点样": "怎么", "点解": "为什么", "点算": "怎么办", "点知": "怎么知道", "边度": "哪里", "边处": "哪里", "边个": "谁", "边位": "哪位",
    "乜嘢": "什么", "咩嘢": "什么", "乜": "什么", "咩": "什么", "几多": "多少", "几耐": "多久", "几钱": "多少钱", "有冇": "有没有",
    "系咪": "是不是", "系唔系": "是不是", "得唔得": "行不行", "使唔使": "要不要",
    # not
    "唔该晒": "谢谢", "唔该": "请", "唔使": "不用", "唔好": "不要", "唔好意思": "不好意思", "唔见咗": "丢了", "唔见": "丢",
    "唔得": "不行", "唔识": "不会", "唔记得": "忘记", "唔系": "不是", "唔通": "难道", "唔": "不", "冇": "没有", "咪住": "等等",
    # persons, places and things
    "佢": "他", "哋": "们", "呢个": "这个", "呢度": "这里", "呢啲": "这些", "呢封": "这封", "呢部": "这部", "呢条": "这条", "呢张": "这张",
    "呢次": "这次", "呢排": "最近", "呢边": "这边", "呢间": "这家", "嗰度": "那里", "嗰": "那", "啲": "些", "嘢": "东西", "屋企": "家",
    "冧巴": "号码", "冧把": "号码",
    # time
    "而家": "现在", "依家": "现在", "家阵": "现在", "琴日": "昨天", "寻日": "昨天", "琴晚": "昨晚", "寻晚": "昨晚", "听日": "明天",
    "今日": "今天", "头先": "刚才", "啱啱": "刚刚", "啱先": "刚才", "成日": "一直", "即刻": "马上", "朝早": "早上",
    # small words
    "咗": "了", "喇": "了", "嘅": "的", "㗎": "的", "喺": "在", "咁": "这么", "噉": "这样", "咁样": "这样", "净系": "只是",
    "定系": "还是", "同埋": "和", "先至": "才",
    # verbs
    "话我知": "告诉我", "话俾我知": "告诉我", "话畀我知": "告诉我", "话比我知": "告诉我", "畀": "给", "俾": "给", "攞": "拿", "睇": "看",
    "揾": "找", "嚟": "来", "返": "回", "揿": "按", "谂": "想", "拣": "选", "落单": "下单", "落载": "下载", "搞掂": "搞定",
}  # fmt: skip

# What is Cantonese only beside some characters: 九点 and 点击 are a time and a click, 系统 a system.
CANTONESE_PATTERNS = {
    r"(?<![0-9一二三四五六七八九十两几数有快早慢多少差迟晚大重地终焦优缺特观热盲])点(?![击选进钟数对评菜半整心名差])": "怎么",
    r"(?<![关联体派])系(?![统列])": "是",
    r"仲(?![介裁夏秋])": "还",
    r"边(?=[只部种日条啲张样款间封])": "哪",
}

# --- Chinese ----------------------------------------------------------------------------------------------------------

SYNONYMS = {
    # codes and passwords
    "一次性验证码": "验证码", "一次性密码": "验证码", "动态密码": "验证码", "动态验证码": "验证码", "动态口令": "验证码", "动态码": "验证码",
    "保安编码": "验证码", "校验码": "验证码", "认证码": "验证码", "确认码": "验证码", "简讯验证码": "短信验证码", "短讯验证码": "短信验证码",
    "口令": "密码", "帐密": "账号密码", "软令牌": "软件令牌", "软体令牌": "软件令牌", "证书": "凭证",
    # accounts and persons
    "户口": "账户", "帐户": "账户", "帐号": "账号", "身分": "身份", "使用者": "用户", "客户服务": "客服",
    # mail and messages
    "简讯": "短信", "短讯": "短信", "讯息": "消息", "电子邮件": "邮件", "电邮": "邮件", "邮箱": "信箱", "电子信箱": "信箱", "资讯": "信息",
    # devices and lines
    "手提电话": "手机", "行动电话": "手机", "移动电话": "手机", "流动电话": "手机", "智慧型手机": "智能手机", "智慧手机": "智能手机",
    "行动银行": "手机银行", "流动银行": "手机银行", "电话号码": "号码", "讯号": "信号", "网路": "网络", "线上": "在线", "连线": "连接",
    "连结": "链接", "链结": "链接", "通讯": "通信", "飞航": "飞行",
    # computers
    "程式": "程序", "应用程式": "程序", "应用程序": "程序", "软体": "软件", "硬体": "硬件", "作业系统": "操作系统", "资料库": "数据库",
    "伺服器": "服务器", "萤幕": "屏幕", "荧幕": "屏幕", "视窗": "窗口", "介面": "界面", "菜单": "选单", "字元": "字符", "滑鼠": "鼠标",
    "随身碟": "u盘", "优盘": "u盘", "影片": "视频", "截屏": "截图", "骇客": "黑客", "预设": "默认", "计画": "计划",
    "辨识": "识别", "脸部": "人脸", "面部": "人脸", "面容": "人脸",
    # what one does
    "登录": "登入", "登陆": "登入", "注销": "登出", "解冻": "解锁", "展期": "展延", "续期": "展延", "补寄": "补发", "设置": "设定",
    "重设": "重置", "联系": "联络", "禁用": "停用", "激活": "启用", "开启": "打开", "传送": "发送", "贴上": "粘贴", "点选": "点击",
    "列印": "打印", "汇出": "导出", "汇入": "导入",
    # how one asks
    "几时": "什么时候", "何时": "什么时候", "为何": "为什么", "为啥": "为什么", "如何": "怎么", "怎样": "怎么", "咋": "怎么", "啥": "什么",
    "是否": "是不是", "能否": "能不能", "可否": "可不可以", "您": "你", "礼拜": "星期",
}  # fmt: skip

# --- English ----------------------------------------------------------------------------------------------------------

# Word -> other words for it, and how it is misspelt.
_ENGLISH = {
    "account": "accout acount accont accoutn",
    "address": "adress addres",
    "authentication": "authentification authentcation authenication authetication",
    "certificate": "cert certifcate certificat certficate certifacate certifciate",
    "code": "cdoe",
    "email": "e-mail mail emial eamil emal",
    "expired": "expierd exipred",
    "locked": "lockd lokced loked",
    "login": "lgoin",
    "message": "mesage messge messege",
    "notification": "notifcation notificaton notfication",
    "password": "pw pwd passwrod passowrd passwor pasword passwrd passward passord paswword",
    "phone": "phoen fone",
    "receive": "recieve recive receve",
    "received": "recieved recived receved",
    "receiving": "recieving reciving",
    "unlock": "unlok unlcok unlcock",
    "verification": "verfication verifcation verificaton varification verificiation",
    "verify": "verfy varify",
}
ENGLISH = {written: word for word, all_written in _ENGLISH.items() for written in all_written.split()}

# In a message with Chinese characters; English by itself is better off in its own words.
ENGLISH_IN_CHINESE = {"otp": "验证码", "sms": "短信", "email": "邮件", "password": "密码", "certificate": "凭证"}
